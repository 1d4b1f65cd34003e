"""The project's words: one entry a word, shared by model, URL, template, API, probe and docs.

A group is a mapping from slug to `Word`. Slugs go into URLs, case files and the wire; labels and
meanings are shown to people. Adding a word is adding one line here, and for a word that evidence may hold
the migration that `makemigrations` then asks for.

Code that has a slug from data (a row, a report, a file) asks `look_up`, which answers whatever it is: a
subscript raised on the first report that left something out, and took every page down that listed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Mapping


@dataclass(frozen=True)
class Word:
    slug: str
    label: str
    meaning: str


def _group(*entries: tuple[str, str, str]) -> Mapping[str, Word]:
    group: Dict[str, Word] = {}
    for slug, label, meaning in entries:
        group[slug] = Word(slug, label, meaning)
    return group


KINDS = _group(
    ("case", "case", "A known way in which movable memory becomes unmigratable."),
    ("contrast", "contrast", "Looks like a case, but keeps the promise of movable memory."),
    ("look_alike", "look-alike", "Fails in the same way for another reason."),
)

STATUSES = _group(
    ("open", "open", "No merged change ends it."),
    ("mitigated", "mitigated", "Still possible, but bounded or harder to reach."),
    ("partially_fixed", "partly fixed", "Ended on some trees or for some holders."),
    ("fixed", "fixed", "A merged change ends it; older kernels keep it."),
    ("by_design", "by design", "Works as it is meant to."),
)

MECHANISMS = _group(
    ("writeback", "Held under writeback", "PG_writeback stays set until someone else answers."),
    ("page_lock", "Held by its lock", "The folio lock is held, mostly until someone else supplies the content."),
    ("buffer_lock", "Held by a buffer's lock", "A buffer head of the folio is locked, mostly until a device answers."),
    ("extra_reference", "Extra references", "A reference that the migration code does not expect."),
    ("foll_pin", "Pinned", "A FOLL_PIN reference keeps the folio where it is."),
    ("private_data", "Private data", "File-system data hangs off the folio and cannot come along."),
    ("no_migrate_op", "No migrate_folio", "The mapping has no migrate_folio operation."),
    ("refused_by_op", "Refused by migrate_folio", "The mapping's migrate_folio operation says no."),
    ("split_failure", "Cannot be split", "A large folio would have to be split first, and cannot be."),
    ("not_on_lru", "Not on the LRU", "The folio cannot be isolated: it is not on an LRU list."),
    (
        "device_exclusive",
        "Device-exclusive entries",
        "A device holds exclusive access through special page-table entries.",
    ),
    ("no_target_memory", "No target memory", "There is nowhere to move it to."),
    ("policy_skip", "Skipped by policy", "A setting tells the mover to leave it alone."),
    ("not_movable_type", "Not movable memory", "It was never in a movable area."),
    ("stuck_isolated", "Stuck isolated", "It was isolated by a mover that now sleeps."),
    ("accounting_bug", "Accounting", "A reference count that does not add up."),
    ("waits_on_other", "Waits on another", "It waits for another folio or task that is itself held."),
)

CONTROLLERS = _group(
    ("unprivileged_user", "unprivileged user", "Any local user decides how long."),
    ("privileged_user", "privileged user", "A user with capabilities decides how long."),
    ("remote_server", "remote server", "A machine at the other end of a network decides how long."),
    ("device", "device", "A device or its driver decides how long."),
    ("guest", "guest", "A virtual machine's guest decides how long."),
    ("kernel", "kernel", "The kernel alone decides how long."),
)

TIME_BOUNDS = _group(
    ("unbounded", "unbounded", "Nothing ends it but the holder."),
    ("short", "short", "Ends by itself within seconds."),
    ("long", "long", "Ends by itself, but after minutes or more."),
    ("depends", "depends", "Bounded or not, by set-up."),
    ("unknown", "unknown", "Not known."),
)

AREAS = _group(
    ("zone_movable", "ZONE_MOVABLE", "Memory that is meant to be unplugged."),
    ("migrate_cma", "MIGRATE_CMA", "Memory lent out by the contiguous memory allocator."),
    ("migrate_movable", "MIGRATE_MOVABLE", "Movable pageblocks in an ordinary zone, where compaction works."),
)

EFFECTS = _group(
    ("cma_allocation", "CMA allocation", "A contiguous allocation from a CMA area."),
    ("hotunplug", "Memory hotunplug", "Offlining a memory block."),
    ("compaction", "Compaction", "Making free pageblocks for large allocations."),
    ("longterm_pin", "Long-term pinning", "Moving folios out of movable areas before they are pinned."),
    ("numa_move", "NUMA move", "Moving memory to another node."),
    ("large_folio_split", "Large folio split", "Splitting a large folio into smaller ones."),
)

MANNERS = _group(
    ("rejected_at_once", "rejected at once", "Fails with an error straight away."),
    (
        "retries_without_progress",
        "retries without progress",
        "Tries again and again, until a signal or a limit ends it.",
    ),
    ("sleeps_in_d", "sleeps in D", "The migrating task sleeps uninterruptibly; signals do not reach it."),
    ("degraded", "degraded", "Works, but with less to show for it."),
)

# What a command of a document does, the mildest first (catalog/documents/commands.py).
COMMANDS = _group(
    ("reads", "reads only", "Changes nothing."),
    ("changes", "changes state", "Changes something on the machine; the text says how to put it back."),
    ("loses_data", "loses data", "Ends requests, connections or mounts: what they held is gone."),
)

STANDINGS = _group(
    ("measured", "measured", "Seen in a measurement whose report is on this site."),
    ("reported", "reported", "Told by somebody, with a source."),
    ("reasoned", "reasoned", "Follows from the source code; not seen."),
)

PROVENANCES = _group(
    ("source", "kernel source", "Read in the source of the version given."),
    ("mail", "mail", "Read in a mail of the public archive."),
    ("documentation", "documentation", "Read in the kernel's documentation."),
    ("experiment", "experiment", "Tried, on the kernel given."),
    ("memory", "not checked", "From memory; nobody has checked it."),
)

CHANGES = _group(
    ("introduced", "introduced", "The tree has it from here on."),
    ("present", "present", "Seen in this tree at this version."),
    ("absent", "absent", "Looked for in this tree at this version, and not there."),
    ("changed", "changed", "Still there, in another form."),
    ("fixed", "fixed", "The tree is free of it from here on."),
)

CLAIM_STANDINGS = _group(
    ("asserted", "asserted", "Said, with a source; nobody has contradicted it."),
    ("disputed", "disputed", "Somebody contradicts it, with a source."),
    ("confirmed", "confirmed by evidence", "A measurement agrees."),
    ("withdrawn", "withdrawn", "Whoever said it took it back."),
)

MIGRATE_MODES = _group(
    ("MIGRATE_ASYNC", "MIGRATE_ASYNC", "Never sleeps."),
    ("MIGRATE_SYNC_LIGHT", "MIGRATE_SYNC_LIGHT", "May sleep, for a lock of what is uptodate; not for writeback."),
    ("MIGRATE_SYNC", "MIGRATE_SYNC", "Sleeps for page locks and for writeback, without a time limit."),
)

MOVERS = _group(
    ("move_pages", "move_pages", "move_pages(2) to another node."),
    ("compaction", "compaction", "A write to /proc/sys/vm/compact_memory."),
    ("kcompactd", "kcompactd", "The kernel's background compaction."),
    ("direct_compaction", "direct compaction", "Compaction by a task that faults for a huge page and finds none free."),
    ("mbind", "mbind", "mbind(2) with MPOL_MF_MOVE, which moves the pages of a mapping to another node."),
    ("offline", "offline", "Offlining the memory block."),
    ("cma", "CMA", "A CMA allocation over the page."),
    ("soft_offline", "soft offline", "Soft offlining of the page frame."),
    ("longterm_pin", "long-term pin", "Moving a folio out of a movable area before a FOLL_LONGTERM pin."),
    ("numa_balancing", "NUMA balancing", "A fault on a page that NUMA balancing has marked, from another node."),
    ("demotion", "demotion", "Reclaim that moves cold folios to slower memory."),
    ("virtio_mem", "virtio-mem", "A virtio-mem device that gives memory back to the hypervisor."),
    ("khugepaged", "khugepaged", "khugepaged, which copies small folios into a huge one."),
    ("split", "split", "Splitting the large folio, the fallback where no target of its order is free."),
)

# Which migrate mode a mover asks for (mm/migrate.c and its callers, 6.12 and 7.3).
MOVER_MODES: Mapping[str, str] = {
    "move_pages": "MIGRATE_SYNC",
    "compaction": "MIGRATE_SYNC",
    "kcompactd": "MIGRATE_SYNC_LIGHT",
    "direct_compaction": "MIGRATE_SYNC_LIGHT",
    "mbind": "MIGRATE_SYNC",
    "offline": "MIGRATE_SYNC",
    "cma": "MIGRATE_SYNC",
    "soft_offline": "MIGRATE_SYNC",
    "longterm_pin": "MIGRATE_SYNC",
    "numa_balancing": "MIGRATE_ASYNC",
    "demotion": "MIGRATE_ASYNC",
    "virtio_mem": "MIGRATE_SYNC",
}

# What a mover's work is for as a whole, beside the folio.
OPERATIONS = _group(
    ("offline", "memory block offline", "Every memory block that holds the run's pages went offline."),
    ("cma", "CMA allocation", "A 1 GiB huge page came out of the CMA area that holds the run's pages."),
    (
        "compaction",
        "order-9 allocation",
        "In a guest: 2 MiB huge pages came out of half or more of the target's pageblocks, one held page in each. "
        "On a machine in use: these pageblocks became empty.",
    ),
    ("soft_offline", "soft offline", "Every frame of control and target was retired."),
    ("virtio_mem", "virtio-mem unplug", "The whole device, which holds the run's pages, was given back."),
)

OUTCOMES = _group(
    ("moves", "moves", "The folio was migrated while it was held."),
    ("leaves_first", "leaves first", "The folio left the movable area when it was held."),
    ("never_there", "never there", "The folio was not in a movable area at all."),
    ("refuses", "refuses", "The folio stayed; the mover came back."),
    ("hangs", "hangs", "The folio stayed; the mover slept until the release."),
    ("inconclusive", "inconclusive", "The control did not move, so nothing can be said."),
    ("skipped", "skipped", "The run could not be made here."),
    ("error", "error", "The run failed for a reason of its own."),
    ("passed", "passed", "A test of another suite passed, which says nothing sure of the folio."),
    ("failed", "failed", "A test of another suite failed, for whatever reason."),
)

# What a probe's run may come to.
RUN_OUTCOMES: Mapping[str, Word] = {slug: word for slug, word in OUTCOMES.items() if slug not in ("passed", "failed")}

# Outcomes that say something of the folio; the others are shown, but stay out of every denominator.
CONCLUSIVE = ("moves", "leaves_first", "never_there", "refuses", "hangs")
HELD = ("refuses", "hangs")

# What became of what was measured, from one kernel to another: catalog/measured/side_by_side.py.
TURNS = _group(
    ("fixed", "fixed", "It was held before, and moves now."),
    ("regressed", "regressed", "It moved before, and is held now."),
    ("now_inconclusive", "now inconclusive", "It could be told before, and cannot be told now."),
)

ENVIRONMENTS = _group(
    ("host", "host", "A machine in use."),
    ("guest", "guest", "A throw-away virtual machine."),
)

EVIDENCE_KINDS = _group(
    ("run", "run", "A probe's run, with a control beside it."),
    ("log", "log", "A kernel log or trace."),
    ("monitor", "monitor", "Something seen while watching."),
    ("test", "test", "A test of another suite, without a control."),
)

# Where the sender did not say.
UNKNOWN = Word("", "unknown", "The sender did not say.")
NO_AREA = Word("", "no area", "The run was not made, or nothing says which area was hit.")


def look_up(group: Mapping[str, Word], slug: str) -> Word:
    """The word of a slug that came from data: UNKNOWN for '', and for a slug that is no word here one that says so.

    It keeps its slug, so that two unknown words stay two. Never raises.
    """
    if not slug:
        return UNKNOWN
    return group.get(slug) or Word(slug, UNKNOWN.label, "This site does not know the word that was sent.")


def look_up_area(slug: str) -> Word:
    """As `look_up`; where no area was hit that is no gap in what is known."""
    return look_up(AREAS, slug) if slug else NO_AREA


def counted(number: int, word: Word) -> str:
    """'3 hangs', '1 error', '2 errors': outcomes are verbs and adjectives, but for one noun."""
    return "%d %s%s" % (number, word.label, "s" if word.slug == "error" and number != 1 else "")


def rank(group: Mapping[str, object], slug: str) -> int:
    """Where a slug that came from data stands in the order of its group; behind all others where it is not known."""
    return list(group).index(slug) if slug in group else len(group)


HOLDERS = _group(
    ("privileged", "privileged", "The holder had capabilities."),
    ("unprivileged", "unprivileged", "The holder was an ordinary user."),
)

APPROACHES = _group(
    ("make_migratable", "make it migratable", "Teach migration, or the holder, to let the folio move."),
    ("migrate_first", "migrate it out first", "Move the folio out of the movable area before it is held."),
    ("avoid_holding", "avoid holding", "Do without the hold, or copy instead."),
    ("bound_time", "bound the time", "End the hold after a limit."),
    ("contain_damage", "contain the damage", "Keep what is held together, or out of movable areas."),
    ("accept", "accept", "Live with it, and say so."),
)

STRATEGY_STATES = _group(
    ("idea", "idea", "Said, without code."),
    ("posted", "posted", "Patches were posted."),
    ("merged", "merged", "In mainline."),
    ("released", "in a release", "In a released kernel."),
    ("backported", "backported", "In stable or vendor trees."),
    ("rejected", "rejected", "Turned down."),
    ("superseded", "superseded", "Replaced by another."),
)

STRATEGY_EFFECTS = _group(
    ("solves", "solves", "With it, the case is no more."),
    ("helps", "helps", "With it, the case is rarer, shorter or smaller."),
    ("does_not_apply", "does not apply", "It changes nothing for the case."),
)

LINK_KINDS = _group(
    ("message", "message", "A mail, by its Message-ID."),
    ("commit", "commit", "A commit in the kernel's git."),
    ("documentation", "documentation", "The kernel's own documentation."),
    ("source", "source", "A place in the kernel source."),
    ("bug", "bug", "An entry in a bug tracker."),
    ("article", "article", "An article, talk or slides."),
    ("comment", "comment", "Something that was said on this site, by its number."),
)

GROUPS: Mapping[str, Mapping[str, Word]] = {
    "kind": KINDS,
    "status": STATUSES,
    "mechanism": MECHANISMS,
    "controller": CONTROLLERS,
    "time bound": TIME_BOUNDS,
    "area": AREAS,
    "effect": EFFECTS,
    "manner": MANNERS,
    "command": COMMANDS,
    "standing": STANDINGS,
    "provenance": PROVENANCES,
    "change": CHANGES,
    "claim standing": CLAIM_STANDINGS,
    "migrate mode": MIGRATE_MODES,
    "mover": MOVERS,
    "operation": OPERATIONS,
    "outcome": OUTCOMES,
    "turned": TURNS,
    "environment": ENVIRONMENTS,
    "evidence kind": EVIDENCE_KINDS,
    "holder": HOLDERS,
    "approach": APPROACHES,
    "strategy state": STRATEGY_STATES,
    "strategy effect": STRATEGY_EFFECTS,
    "link kind": LINK_KINDS,
}
