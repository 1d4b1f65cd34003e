"""What to do now (diagnosis.answers.what_now) and what to capture next, from what was found and what is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Sequence, Tuple

from diagnosis.answers import what_now
from diagnosis.rules.verdict import Command, Finding, Reason
from diagnosis.text.record import Record
from diagnosis.words.vocabulary import MOVERS, look_up

# No line of a kernel is as long (kernel/printk/printk.c PRINTKRB_RECORD_MAX).
MAX_ONE_LINE = 1_024
STACKS = Command(
    "for t in $(ps -eLo lwp=,stat= | awk '$2 ~ /^D/ { print $1 }'); do "
    "echo /proc/$t/stack; sudo cat /proc/$t/stack; done",
    "The call trace of every task and thread in D: what a mover that says nothing waits for.",
)
INSPECT = Command(
    "sudo python3 probe.pyz inspect",
    "Reads only: tasks in D, memory blocks, suspect page frames, FUSE connections that wait. Paste its output here.",
)
AGAIN = Command(
    "sudo python3 probe.pyz inspect",
    "Again, and while the mover is at it: when this was taken, nothing slept in D.",
)
FUSECTL = Command(
    "sudo mount -t fusectl fusectl /sys/fs/fuse/connections; sudo python3 probe.pyz inspect",
    "fusectl was not mounted: with it, inspect says which FUSE connection waits for its daemon.",
)
DEBUG = Command(
    "echo 'file mm/memory_hotplug.c +p' | sudo tee /sys/kernel/debug/dynamic_debug/control",
    "Lets the kernel log why an offlining fails. `-p` in place of `+p` puts it back.",
)
DEBUG_CMA = Command(
    "echo 'file mm/page_alloc.c +p' | sudo tee /sys/kernel/debug/dynamic_debug/control",
    "Lets a contiguous allocation log the pages that it could not move (6.x and later). `-p` puts it back.",
)
BUSY_RETRY = Command(
    "sudo trace-cmd record -e cma -e page_isolation -e migrate:mm_migrate_pages sleep 30; sudo trace-cmd report",
    "cma_alloc_busy_retry: a range was tried and was busy. fin_pfn: the first page frame that was. "
    "Neither is there for an area that is merely full.",
)
_COUNTERS = "grep -E '^(compact_|pgmigrate_|nr_isolated)' /proc/vmstat"
COMPACTING = Command(
    "%s; sleep 60; %s" % (_COUNTERS, _COUNTERS),
    "Paste both: compact_migrate_scanned that grows while pgmigrate_success does not is work for nothing.",
)
MIGRATIONS = Command(
    "sudo trace-cmd record -e migrate:mm_migrate_pages -e compaction sleep 30; sudo trace-cmd report",
    "reason= says who moves (compaction, memory_hotplug, contig_range), nr_failed how many stayed where they were.",
)
OWNER = Command(
    "sudo grubby --update-kernel=ALL --args=page_owner=on   # Red Hat, Fedora\n"
    "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&page_owner=on /' /etc/default/grub && sudo update-grub   # Debian, Ubuntu",
    "From the next boot on, page dumps say who allocated the page, with a call trace (CONFIG_PAGE_OWNER).",
)
PINS = Command(
    "sudo cat /proc/sys/vm/stat_refresh; grep ^nr_foll_pin_ /proc/vmstat",
    "Acquired less released: the number of pins that exist now.",
)
DUMPS = Command(
    "sudo dmesg | grep -A 8 -E 'migrating pfn|to isolate pfn' | tail -80",
    "Each of these lines has a dump of the page below it: what kind it is, how many hold it. As text, please.",
)
AFTER_REFUSAL = Command(
    "sudo dmesg | tail -60; grep -H . /sys/devices/system/memory/memory*/valid_zones",
    "Right after the refused write: a block that holds memory which was never movable leaves a dump of that page, with "
    "`unmovable page`. In a zone other than Movable that is the rule.",
)
TWICE = Command(
    "sudo dmesg > before.txt; sleep 60; sudo dmesg > after.txt",
    "Pages that are in both are held; others only happened to be in the way.",
)


def summary(findings: Sequence[Finding], records: Sequence[Record], text: str = "") -> str:
    if findings and findings[0].is_known:
        first = findings[0]
        proof = "Proved" if first.verdict.proved else "Likely, not proved"
        return "%s: %s" % (proof, first.verdict.sentence)
    if findings:
        return findings[0].verdict.sentence
    if records:
        return "None of the known: nothing here speaks of memory that cannot be moved."
    if not any(line.strip() and not line.startswith("-- ") for line in text.split("\n", 9)):
        return "There is no text to read: whatever was to write it wrote nothing. A journal and dmesg may need sudo."
    if "\n" not in text.strip() and len(text) > MAX_ONE_LINE:
        return (
            "This text is one line of %d characters: its line ends were taken away on the way here. `curl -d` does "
            "that; --data-binary does not." % len(text)
        )
    return "Nothing in this text is of a kind that is known here."


def now(findings: Sequence[Finding], records: Sequence[Record]) -> Tuple[Reason, ...]:
    """One sentence for each kind of finding, in the order of the findings, with the lines that show the manner.

    Where there are several, each says of which mover it speaks: they may be contrary to one another.
    """
    made: Dict[str, Reason] = {}
    movers: Dict[str, List[str]] = {}
    for finding in findings:
        text = now_for(finding, records)
        if text and text not in made:
            places = finding.verdict.reasons[0].places if finding.verdict.reasons else ()
            made[text] = Reason(text, places)
        if text and finding.verdict.mover:
            movers.setdefault(text, []).append(look_up(MOVERS, finding.verdict.mover).label)
    if len(made) < 2:
        return tuple(made.values())
    return tuple(replace(reason, text=_of(movers.get(text, [])) + text) for text, reason in made.items())


def _of(movers: Sequence[str]) -> str:
    return "(%s) " % ", ".join(dict.fromkeys(movers)) if movers else ""


def now_for(finding: Finding, records: Sequence[Record] = ()) -> str:
    """What to do about one finding, '' where nothing can be said. `records`: of the whole text."""
    return what_now.said(what_now.rows(finding), what_now.facts(finding, records))


def capture(findings: Sequence[Finding], records: Sequence[Record]) -> Tuple[Command, ...]:
    """What would tell more, most telling first. Commands of candidates stand with the candidates."""
    made: List[Command] = []
    is_inspected = any(record.kind in ("suspects", "pins", "tasks") for record in records)
    mechanisms = {finding.verdict.mechanism for finding in findings}
    movers = {finding.verdict.mover for finding in findings}
    rules = {finding.verdict.rule for finding in findings}
    if not findings or mechanisms <= {"", "waits_on_other", "stuck_isolated"}:
        is_quiet = any(record.number("in_d") == 0 for record in records)
        made += [AGAIN] if is_quiet else [STACKS] if is_inspected else [INSPECT, STACKS]
    if not is_inspected and mechanisms & {"writeback", "page_lock"}:
        made.append(INSPECT)
    if any("fusectl" in record.text("why") for record in records if record.kind == "missing"):
        made.append(FUSECTL)
    if movers & {"compaction", "kcompactd"} and mechanisms <= {""}:
        made[:0] = [COMPACTING, MIGRATIONS]
    if "counter-pgmigrate_fail" in rules:
        made.insert(0, MIGRATIONS)
    if rules & {"left-behind", "not-isolated-line"} or any(not _is_whole(finding, records) for finding in findings):
        made.insert(0, DUMPS)
    if "write-refused" in rules:
        made.insert(0, AFTER_REFUSAL)
    if "offline" in movers and not any(finding.is_known for finding in findings):
        made.append(DEBUG)
    if "cma" in movers and not any(record.kind == "page_dump" for record in records):
        made += [BUSY_RETRY, DEBUG_CMA]
    if "none" in rules:
        made.append(TWICE)
    if mechanisms & {"extra_reference", "foll_pin"}:
        made += [PINS, TWICE]
        if not any(record.owner for record in records):
            made.append(OWNER)
    return tuple(dict.fromkeys(made))


def _is_whole(finding: Finding, records: Sequence[Record]) -> bool:
    """Is it no page dump, or one with the line that ends every dump?"""
    first = records[finding.records[0]]
    return first.kind != "page_dump" or first.get("reason") is not None
