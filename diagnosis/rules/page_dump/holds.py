"""Page dumps of folios that something holds: writeback, pins, private data, locks, and references without a name."""

from __future__ import annotations

from typing import Callable, Tuple

from diagnosis.rules.page_dump.dump import COUNTING, FAILED, OFFLINE, Dump, Made, capital, verdict
from diagnosis.rules.page_dump.references import PIN_BIAS, is_known_kind
from diagnosis.rules.verdict import Reason, Source

# Mappings whose migrate_folio refuses on account of private data, and where that was read.
PRIVATE = {
    "def_blk_aops": ("while buffer heads are in use", "mm/migrate.c", "__buffer_migrate_folio"),
    "nfs_file_aops": ("while a request hangs off the folio", "fs/nfs/write.c", "nfs_migrate_folio"),
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


def _writeback(dump: Dump) -> Made:
    if not dump.has("flag:writeback"):
        return None
    swap = " to swap" if dump.record.text("aops") == "swap_aops" or dump.has("flag:swapbacked") else ""
    beside = [
        Reason("Beside that it has references that nothing explains: these alone would keep it.", refcount)
        for refcount in [dump.record.places("refcount", "pincount")]
        if dump.has_surplus
    ]
    return verdict(
        dump,
        "writeback",
        "writeback",
        "%s is under writeback%s." % (capital(dump.noun), swap),
        [
            Reason(
                "writeback among the flags: the data has been sent out, and nobody has answered.",
                dump.at("flag:writeback"),
            ),
            *beside,
        ],
        Source("6.1, 6.12, 7.3", "mm/migrate.c", "migrate_folio_unmap"),
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
    return verdict(
        dump,
        "pinned",
        "foll_pin",
        "%s on %s." % (_pins(pins).capitalize(), dump.noun),
        [Reason(why, dump.at("pins:yes"))],
        Source("5.7 to 7.3", "mm/gup.c", "try_grab_folio"),
        COUNTING,
        unknown=(*unknown, "The count does not say who pinned it."),
    )


def _perhaps_pinned(dump: Dump) -> Made:
    """A thousand references, of a kernel that may count pins so: a vendor's, or one whose version is not told."""
    refs = dump.references
    if not refs or not refs.may_be_pins or refs.left is None or refs.left < PIN_BIAS:
        return None
    return verdict(
        dump,
        "perhaps-pinned",
        "foll_pin",
        "%d references on %s that nothing explains: a pin counts as 1024, if this kernel has pins."
        % (refs.left, dump.noun),
        [Reason("More than a thousand are left over.", dump.record.places("refcount", "reason"))],
        Source("5.7 to 7.3", "mm/gup.c", "try_grab_folio"),
        COUNTING,
        proved=False,
        unknown=(
            "Whether these are pins: upstream has them from 5.7 on, and vendors brought them back to older versions.",
            "The count does not say who holds it.",
        ),
    )


def _private(dump: Dump) -> Made:
    aops, flags = dump.record.text("aops"), dump.at("flag:private")
    if dump.has("flag:private_2"):
        return verdict(
            dump,
            "private-2",
            "private_data",
            "%s is being written to a local cache." % capital(dump.noun),
            [Reason("private_2 among the flags.", dump.at("flag:private_2"))],
            Source("7.3", "fs/nfs/write.c", "nfs_migrate_folio"),
        )
    if aops == "btree_aops" and (dump.has("flag:dirty") or flags):
        return verdict(
            dump,
            "btree",
            "refused_by_op",
            "btrfs metadata that is dirty or in use, which its migrate_folio refuses.",
            [Reason("The mapping and its state.", dump.record.places("aops") + dump.at("flag:dirty", "flag:private"))],
            Source("7.3", "fs/btrfs/disk-io.c", "btree_migrate_folio"),
        )
    if aops in PRIVATE and flags:
        why, file, function = PRIVATE[aops]
        return verdict(
            dump,
            "private",
            "private_data",
            "%s carries private data, and its mapping refuses to move it %s." % (capital(dump.noun), why),
            [Reason("`private` among the flags.", flags), Reason("The mapping.", dump.record.places("aops"))],
            Source("6.1, 7.3", file, function),
            proved=dump.has("left:0"),
        )
    if dump.has("folio:large", "folio:file", "flag:dirty", "flag:private") and not dump.has_surplus:
        return verdict(
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
    if dump.record.text("aops") != "swap_aops" or dump.has("folio:anon") or not dump.has("left:0") or dump.has_surplus:
        return None
    return verdict(
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
    if aops not in WITHOUT_OP or dump.has_surplus or not (dump.has("flag:dirty") or dump.has("flag:private")):
        return None
    return verdict(
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
    if not dump.has("flag:locked") or dump.has("flag:uptodate") or dump.has_surplus or dump.record.get("flags_cut"):
        return None
    return verdict(
        dump,
        "locked",
        "page_lock",
        "%s is locked and not uptodate: someone is still filling it." % capital(dump.noun),
        [Reason("locked, and not uptodate.", dump.at("flag:locked"))],
        Source("7.3", "mm/migrate.c", "migrate_folio_unmap"),
        proved=False,
    )


def _extra(dump: Dump) -> Made:
    refs = dump.references
    if not refs or refs.left is None or refs.left < 1 or not (dump.is_cut or dump.record.text("reason") in FAILED):
        return None
    unknown: Tuple[str, ...] = ("Who holds it: a plain reference leaves no name.",)
    if dump.is_cut:
        unknown += ("What the end of the dump would say: it is cut before the line that tells why it was made.",)
    if not is_known_kind(dump.record):
        unknown += ("What kind of page it is. A driver's page looks like this, and is counted in its own way.",)
    if refs.may_be_pins:
        unknown += ("Whether these are pins: the line that counts those of a large folio is missing.",)
    number = "One unaccounted reference" if refs.left == 1 else "%d unaccounted references" % refs.left
    sums = ", ".join("%d %s" % (share.count, share.name) for share in refs.shares)
    places = [place for share in refs.shares for place in share.places]
    return verdict(
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
        proved=is_known_kind(dump.record) and not dump.is_cut and not refs.may_be_pins,
        unknown=unknown,
    )


def _pins(number: int) -> str:
    return "one pin" if number == 1 else "%d pins" % number


RULES: Tuple[Callable[[Dump], Made], ...] = (
    _writeback,
    _pinned,
    _perhaps_pinned,
    _private,
    _accounting,
    _without_op,
    _locked,
    _extra,
)
