"""From a page dump to its verdict: rules in order, the first that holds decides.

A dump is a snapshot that the mover prints after it has given up on a folio. What it shows may have changed since the
attempt; what stays the same over many dumps of one page is what holds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple

from diagnosis.marks import Marks
from diagnosis.record import Place, Record
from diagnosis.references import References
from diagnosis.verdict import Reason, Source, Verdict

OFFLINE = Source("4.x to 7.3", "mm/memory_hotplug.c", "do_migrate_range")
COUNTING = Source("6.1, 6.12, 7.3", "mm/migrate.c", "folio_migrate_mapping")
FAILED = ("migration failure",)
NOT_ISOLATED = ("isolation failed", "failed to remove from LRU")
# Mappings whose migrate_folio refuses on account of private data, and where that was read.
PRIVATE = {
    "def_blk_aops": ("while buffer heads are in use", "mm/migrate.c", "__buffer_migrate_folio"),
    "nfs_file_aops": ("while a request hangs off the folio", "fs/nfs/write.c", "nfs_migrate_folio"),
}
NEVER = {
    "secretmem_aops": ("mm/secretmem.c", "secretmem_migrate_folio"),
    "kvm_gmem_aops": ("virt/kvm/guest_memfd.c", "kvm_gmem_migrate_folio"),
}
# address_space_operations without migrate_folio: read in 6.1.192 (a), 6.12.107 (b) and 7.3 (c).
WITHOUT_OP = frozenset(
    {
        *(
            "v9fs_addr_operations",
            "adfs_aops",
            "affs_aops",
            "afs_file_aops",
            "afs_dir_aops",
            "afs_symlink_aops",
            "bfs_aops",
        ),
        *("ceph_aops", "ecryptfs_aops", "exfat_aops", "ext4_journalled_aops", "fat_aops", "gfs2_jdata_aops"),
        *("gfs2_meta_aops", "gfs2_rgrp_aops", "hfs_aops", "hfs_btree_aops", "hfsplus_aops", "hfsplus_btree_aops"),
        *(
            "hostfs_aops",
            "hpfs_aops",
            "jfs_aops",
            "jfs_metapage_aops",
            "minix_aops",
            "nilfs_aops",
            "ntfs_aops",
            "omfs_aops",
        ),
        *(
            "orangefs_address_operations",
            "reiserfs_address_space_operations",
            "cifs_addr_ops",
            "cifs_addr_ops_smallbuf",
        ),
        *("sysv_aops", "udf_aops", "udf_adinicb_aops", "ufs_aops", "vboxsf_reg_aops", "fuse_file_aops"),
    }
)


@dataclass(frozen=True)
class Dump:
    record: Record
    references: Optional[References]
    marks: Marks
    mover: str

    def has(self, *names: str) -> bool:
        return all(name in self.marks for name in names)

    def at(self, *names: str) -> Tuple[Place, ...]:
        return tuple(place for name in names for place in self.marks.get(name, ()))

    @property
    def noun(self) -> str:
        """`an anonymous folio in ZONE_MOVABLE`, as far as the dump tells."""
        kind = "an anonymous" if self.has("folio:anon") else "a KSM" if self.has("folio:ksm") else ""
        kind = kind or ("a page-cache" if self.has("folio:file") else "a")
        size = " large" if self.has("folio:large") else ""
        return kind + size + " folio" + self.where

    @property
    def where(self) -> str:
        if self.has("area:migrate_cma"):
            return " in a CMA pageblock"
        zone = self.record.number("zone")
        if zone is None:
            return ""
        return " in ZONE_MOVABLE" if zone == 3 else " in zone %d" % zone

    @property
    def area(self) -> str:
        if self.has("area:migrate_cma"):
            return "migrate_cma"
        return "zone_movable" if self.record.number("zone") == 3 else ""


Made = Optional[Verdict]


def judged(dump: Dump) -> Verdict:
    """The verdict on one page dump. There always is one: `none of the known` is a verdict too."""
    for rule in RULES:
        verdict = rule(dump)
        if verdict is not None:
            return verdict
    return _none(dump)


def _made(
    dump: Dump,
    rule: str,
    mechanism: str,
    sentence: str,
    reasons: List[Reason],
    *sources: Source,
    proved: bool = True,
    manner: str = "",
    look_alike: bool = False,
    unknown: Tuple[str, ...] = (),
) -> Verdict:
    if not manner:
        manner = {"offline": "retries_without_progress", "cma": "retries_without_progress"}.get(dump.mover, "")
    if dump.record.number("zone") == 3 and dump.area == "zone_movable":
        unknown += (
            "Zone 3 is ZONE_MOVABLE where the kernel has ZONE_DMA and ZONE_DMA32, as x86-64 and arm64 usually do.",
        )
    return Verdict(
        rule,
        mechanism,
        proved,
        sentence,
        tuple(reasons),
        tuple(sources),
        manner,
        dump.mover,
        dump.area,
        unknown,
        look_alike,
    )


def _foreign(dump: Dump) -> Made:
    reason = dump.record.text("reason")
    if not reason or reason in FAILED + NOT_ISOLATED + ("unmovable page",):
        return None
    return Verdict(
        "other-dump",
        "",
        False,
        "The kernel dumped this page for a reason that has nothing to do with migration: %s." % reason,
        (Reason("The reason that the kernel gives.", dump.record.places("reason")),),
        (),
        is_look_alike=True,
    )


def _unmovable(dump: Dump) -> Made:
    if dump.record.text("reason") != "unmovable page":
        return None
    what = "memory that was never movable"
    if dump.has("page_type:offline"):
        what = "a page that a balloon or hypervisor driver has taken offline and still refers to"
    elif dump.has("flag:reserved"):
        what = "memory that was reserved at boot"
    elif dump.has("flag:slab") or dump.has("page_type:slab"):
        what = "a slab of the kernel"
    elif dump.has("page_type:table"):
        what = "a page table"
    return _made(
        dump,
        "unmovable-page",
        "not_movable_type",
        "The range holds %s, so it is refused before anything is migrated." % what,
        [Reason("The check for unmovable pages found it.", dump.at("reason:unmovable page"))],
        Source("5.10 to 7.3", "mm/page_isolation.c", "has_unmovable_pages"),
        manner="rejected_at_once",
        look_alike=not dump.has("page_type:offline"),
    )


def _no_target(dump: Dump) -> Made:
    if not dump.has("ret:-12"):
        return None
    said = Reason(
        "-ENOMEM: there was nowhere to move it to. A negative number is an errno, not a count.", dump.at("ret:-12")
    )
    if dump.has("page_type:hugetlb") or dump.has("folio:gigantic"):
        order = dump.record.number("order") or 0
        size = "of order %d (%d KiB with pages of 4 KiB)" % (order, 4 << min(order, 30))
        reasons = [
            said,
            Reason("A hugetlb folio " + size + ".", dump.at("page_type:hugetlb") + dump.record.places("order")),
        ]
        return _made(
            dump,
            "no-hugetlb-target",
            "no_target_memory",
            "No free huge page " + size + " to move this one to.",
            reasons,
            OFFLINE,
            Source("7.3", "mm/hugetlb.c", "alloc_hugetlb_folio_nodemask"),
        )
    return _made(
        dump,
        "no-target",
        "no_target_memory",
        "No free memory to move %s to." % dump.noun,
        [said],
        OFFLINE,
        Source("6.12, 7.3", "mm/migrate.c", "migrate_pages_batch"),
        look_alike=True,
    )


def _poisoned(dump: Dump) -> Made:
    if not dump.has("flag:hwpoison"):
        return None
    return _made(
        dump,
        "hwpoison",
        "split_failure",
        "%s holds a page with a hardware error." % _capital(dump.noun),
        [Reason("hwpoison among the flags.", dump.at("flag:hwpoison"))],
        Source("6.12, 7.3", "mm/memory_hotplug.c", "do_migrate_range"),
        proved=dump.has("folio:large"),
    )


def _not_isolated(dump: Dump) -> Made:
    if dump.record.text("reason") not in NOT_ISOLATED:
        return None
    reasons = [Reason("The mover could not even isolate it.", dump.record.places("reason"))]
    source = Source("4.x to 7.3", "mm/vmscan.c", "folio_isolate_lru")
    kind = dump.record.text("page_type")
    if kind:
        reasons.append(Reason("It is no LRU page: its type is %s." % kind, dump.record.places("page_type")))
        return _made(
            dump,
            "type-not-isolated",
            "waits_on_other",
            "A page of type %s was not given to the mover by its owner." % kind,
            reasons,
            Source("6.12, 7.3", "mm/migrate.c", "isolate_movable_page"),
            proved=kind == "zsmalloc",
        )
    if dump.record.get("flags") and not dump.has("flag:lru"):
        reasons.append(Reason("`lru` is not among its flags: it is on no LRU list.", dump.record.places("flags")))
        return _made(
            dump,
            "not-on-lru",
            "not_on_lru",
            "%s that is on no LRU list, so it cannot be isolated." % _capital(dump.noun),
            reasons,
            source,
        )
    return _made(
        dump,
        "isolation",
        "",
        "%s could not be isolated; the dump does not say why." % _capital(dump.noun),
        reasons,
        source,
        proved=False,
    )


def _writeback(dump: Dump) -> Made:
    if not dump.has("flag:writeback"):
        return None
    swap = " to swap" if dump.record.text("aops") == "swap_aops" or dump.has("flag:swapbacked") else ""
    return _made(
        dump,
        "writeback",
        "writeback",
        "%s is under writeback%s." % (_capital(dump.noun), swap),
        [
            Reason(
                "writeback among the flags: the data has been sent out, and nobody has answered.",
                dump.at("flag:writeback"),
            )
        ],
        Source("6.1, 6.12, 7.3", "mm/migrate.c", "migrate_folio_unmap"),
    )


def _never(dump: Dump) -> Made:
    aops = dump.record.text("aops")
    if aops not in NEVER:
        return None
    return _made(
        dump,
        "refuses-always",
        "refused_by_op",
        "The owner of this mapping, %s, never lets a folio move." % aops,
        [Reason("The mapping.", dump.record.places("aops"))],
        Source("6.12, 7.3", *NEVER[aops]),
    )


def _pinned(dump: Dump) -> Made:
    if not dump.references or not dump.references.pins:
        return None
    pins = dump.references.pins
    if dump.record.number("pincount"):
        why = "pincount counts the pins of a large folio."
        unknown: Tuple[str, ...] = ()
    else:
        why = "%d of its references read as %s: a pin adds 1024 to the count of a small folio." % (
            pins * 1024,
            _pins(pins),
        )
        unknown = ("1024 plain references would look the same; nothing is known to take so many of one page.",)
    return _made(
        dump,
        "pinned",
        "foll_pin",
        "%s on %s." % (_pins(pins).capitalize(), dump.noun),
        [Reason(why, dump.at("pins:yes"))],
        Source("5.7 to 7.3", "mm/gup.c", "try_grab_folio"),
        COUNTING,
        unknown=(*unknown, "The count does not say who pinned it."),
    )


def _private(dump: Dump) -> Made:
    aops, flags = dump.record.text("aops"), dump.at("flag:private")
    if dump.has("flag:private_2"):
        return _made(
            dump,
            "private-2",
            "private_data",
            "%s is being written to a local cache." % _capital(dump.noun),
            [Reason("private_2 among the flags.", dump.at("flag:private_2"))],
            Source("7.3", "fs/nfs/write.c", "nfs_migrate_folio"),
        )
    if aops == "btree_aops" and (dump.has("flag:dirty") or flags):
        return _made(
            dump,
            "btree",
            "refused_by_op",
            "btrfs metadata that is dirty or in use, which its migrate_folio refuses.",
            [Reason("The mapping and its state.", dump.record.places("aops") + dump.at("flag:dirty", "flag:private"))],
            Source("7.3", "fs/btrfs/disk-io.c", "btree_migrate_folio"),
        )
    if aops in PRIVATE and flags:
        why, file, function = PRIVATE[aops]
        return _made(
            dump,
            "private",
            "private_data",
            "%s carries private data, and its mapping refuses to move it %s." % (_capital(dump.noun), why),
            [Reason("`private` among the flags.", flags), Reason("The mapping.", dump.record.places("aops"))],
            Source("6.1, 7.3", file, function),
            proved=not dump.has("left:many") and not dump.has("left:1"),
        )
    if dump.has("folio:large", "folio:file", "flag:dirty", "flag:private") and not _surplus(dump):
        return _made(
            dump,
            "dirty-split",
            "split_failure",
            "A large dirty folio with private data, which cannot be split before it is written.",
            [
                Reason(
                    "Large, dirty, with private data.",
                    dump.at("order:9", "flag:dirty", "flag:private") + dump.record.places("order"),
                )
            ],
            Source("7.3", "fs/iomap/buffered-io.c", "iomap_release_folio"),
            proved=False,
            unknown=("Whether it had to be split: a folio of that size might have been free elsewhere.",),
        )
    return None


def _accounting(dump: Dump) -> Made:
    if dump.record.text("aops") != "swap_aops" or dump.has("folio:anon") or _surplus(dump):
        return None
    return _made(
        dump,
        "swap-cache-miscounted",
        "accounting_bug",
        "Shared memory in the swap cache, which the kernel counts one short: no reference is left over.",
        [
            Reason(
                "In the swap cache and not anonymous: shared memory that was swapped out.", dump.record.places("aops")
            ),
            Reason("Nothing is left over in its count.", dump.record.places("refcount")),
        ],
        Source("6.16 to 6.18", "include/linux/mm.h", "folio_expected_ref_count"),
    )


def _without_op(dump: Dump) -> Made:
    aops = dump.record.text("aops")
    if aops not in WITHOUT_OP or _surplus(dump) or not (dump.has("flag:dirty") or dump.has("flag:private")):
        return None
    return _made(
        dump,
        "no-migrate-folio",
        "no_migrate_op",
        "Dirty page cache of a file system that has no migrate_folio (%s)." % aops,
        [Reason("The mapping and its state.", dump.record.places("aops") + dump.at("flag:dirty", "flag:private"))],
        Source("6.1, 6.12, 7.3", "mm/migrate.c", "fallback_migrate_folio"),
        proved=False,
        unknown=("Most file systems gained migrate_folio between 6.1 and 6.12.",),
    )


def _locked(dump: Dump) -> Made:
    if not dump.has("flag:locked") or dump.has("flag:uptodate") or _surplus(dump):
        return None
    return _made(
        dump,
        "locked",
        "page_lock",
        "%s is locked and not uptodate: someone is still filling it." % _capital(dump.noun),
        [Reason("locked, and not uptodate.", dump.at("flag:locked"))],
        Source("7.3", "mm/migrate.c", "migrate_folio_unmap"),
        proved=False,
    )


def _extra(dump: Dump) -> Made:
    refs = dump.references
    if not refs or refs.left is None or refs.left < 1 or dump.record.text("reason") not in FAILED:
        return None
    number = "One unaccounted reference" if refs.left == 1 else "%d unaccounted references" % refs.left
    sums = ", ".join("%d %s" % (share.count, share.name) for share in refs.shares)
    places = [place for share in refs.shares for place in share.places]
    return _made(
        dump,
        "surplus-reference",
        "extra_reference",
        "%s on %s." % (number, dump.noun),
        [
            Reason(
                "%d references: %s, and %d that nothing explains." % (refs.total, sums, refs.left),
                (*dump.record.places("refcount"), *places),
            )
        ],
        COUNTING,
        OFFLINE,
        unknown=("Who holds it: a plain reference leaves no name.",),
    )


def _none(dump: Dump) -> Verdict:
    reasons = []
    refs = dump.references
    if refs is None:
        sentence = "This dump is cut short: without a reference count nothing can be said."
    elif refs.left is None:
        sentence = "The references of this folio cannot be taken apart: %s." % refs.unknown
    elif refs.left < 0:
        sentence = "The counts contradict one another: the folio changed while it was dumped, or two dumps are mixed."
    else:
        sentence = "None of the known: every reference of %s is accounted for." % dump.noun
        reasons.append(
            Reason("Whatever was in the way was gone when the kernel printed this.", dump.record.places("refcount"))
        )
    return _made(dump, "none", "", sentence, reasons, OFFLINE, proved=False)


def _surplus(dump: Dump) -> bool:
    refs = dump.references
    return bool(refs and ((refs.left or 0) > 0 or (refs.pins or 0) > 0))


def _pins(number: int) -> str:
    return "one pin" if number == 1 else "%d pins" % number


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


RULES: Tuple[Callable[[Dump], Made], ...] = (
    *(_foreign, _unmovable, _no_target, _poisoned, _not_isolated, _never, _writeback, _pinned, _private),
    *(_accounting, _without_op, _locked, _extra),
)
