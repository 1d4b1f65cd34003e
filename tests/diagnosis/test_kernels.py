"""What each kernel prints, read by what that kernel means by it: formats, counts, zones and traces of 4.4 to 7.3.

The texts are made, line by line, after the kernels' own formats (mm/debug.c, mm/cma.c, mm/memory-failure.c and the
unwinders of x86-64, arm64, ppc64 and s390); addresses and numbers are invented.
"""

from __future__ import annotations

import pytest

from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.rules.verdict import Finding

FAILED = "page dumped because: migration failure\n"
Z3 = "|node=0|zone=3|lastcpupid=0x1fffff)"
LINUX = "Linux version {} (build@box) (gcc 13.2.0) #1 SMP\n"


def first(text: str) -> Finding:
    return diagnose(text, signatures()).findings[0]


def old(pointer: str, count: int, mapcount: int = 1, more: str = "") -> str:
    return (
        f"migrating pfn 1c1a2b failed ret:1 page:ffffea0007068ac0 count:{count} mapcount:{mapcount} "
        f"mapping:{pointer} index:0x7f12a\n{more}flags: 0x2fffff0004007c(referenced|uptodate|dirty|active)\n" + FAILED
    )


def new(count: int, mapcount: int, middle: str, mapping: str = "0000000000000000", reason: str = FAILED) -> str:
    head = f"page: refcount:{count} mapcount:{mapcount} mapping:{mapping} index:0x7f24 pfn:0x23f000\n"
    return "migrating pfn 23f000 failed ret:1\n" + head + middle + reason


ANON = "anon flags: 0x17ffffc009001d(uptodate|dirty|swapbacked" + Z3 + "\n"
BARE = "flags: 0x17ffffc0000000(node=0|zone=3|lastcpupid=0x1fffff)\n"
LARGE = "head:00000000ab12cd34 order:9 compound_mapcount:1 compound_pincount:{}\n"
LARGE_ANON = "anon flags: 0x17ffffc009001d(locked|uptodate|dirty|head|swapbacked)\n"
SPLIT_COUNT = "head:00000000ab12cd34 order:9 entire_mapcount:1 nr_pages_mapped:{} pincount:0\n"
HUGETLBFS = "head: order:9 mapcount:0 entire_mapcount:0 nr_pages_mapped:0 pincount:0\naops:hugetlbfs_aops ino:12\n"
HUGETLB = "flags: 0x17ffffc0010009(uptodate|head" + Z3 + "\npage_type: f4(hugetlb)\n"
ISOLATION = "page dumped because: isolation failed\n"
UNMOVABLE = "page dumped because: unmovable page\n"

# name: text, (mechanism, proved), left over and pins where the count was taken apart.
DUMPS: dict[str, tuple[str, tuple[str, bool], tuple[int | None, int | None]]] = {
    "4.14, anonymous by its pointer's low bits": (old("ffff88042a6e4d01", 3), ("extra_reference", True), (1, 0)),
    "4.14, of a file by its pointer's low bits": (old("ffff88042a6e4d00", 3), ("", False), (0, 0)),
    "4.14, all accounted for": (old("ffff88042a6e4d01", 2), ("", False), (0, 0)),
    "4.14, a driver's page": (old("ffff88042a6e4d02", 2, 0), ("waits_on_other", False), (None, None)),
    "4.14, no pointer": (old("          (null)", 3, 0), ("extra_reference", True), (2, 0)),
    "4.19, the pointer is hashed": (old("000000005a3b2c1d", 3), ("", False), (None, None)),
    "4.19, many references are no pins": (old("ffff88042a6e4d01", 2050), ("extra_reference", True), (2048, None)),
    "5.1, anon in a line of its own": (old("c000001db4c827e9", 2, 0, "anon\n"), ("extra_reference", True), (1, 0)),
    "5.0, operations without a name": (
        old("000000005a3b2c1d", 3, 0, "xfs_address_space_operations [xfs]\n").replace("count:3", "refcount:3"),
        ("extra_reference", True),
        (1, 0),
    ),
    "5.3, operations with a name": (
        old("000000005a3b2c1d", 3, 0, 'def_blk_aops name:"sda"\n').replace("count:3", "refcount:3"),
        ("extra_reference", True),
        (1, 0),
    ),
    "5.6 or 5.7, not told": (
        new(1026, 1, ANON).replace(" pfn:0x23f000", ""),
        ("foll_pin", False),
        (1024, None),
    ),
    "5.6, told": (
        LINUX.format("5.6.19") + new(1026, 1, ANON).replace(" pfn:0x23f000", ""),
        ("extra_reference", True),
        (1024, None),
    ),
    "4.18 of el8, which has pins": (
        LINUX.format("4.18.0-553.el8_10.x86_64") + new(1026, 1, ANON).replace(" pfn:0x23f000", ""),
        ("foll_pin", False),
        (1024, None),
    ),
    "4.18 of el8, one reference short of a pin": (
        LINUX.format("4.18.0-553.el8_10.x86_64") + new(1025, 1, ANON).replace(" pfn:0x23f000", ""),
        ("extra_reference", True),
        (1023, 0),
    ),
    "5.7, told": (
        LINUX.format("5.7.19") + new(1026, 1, ANON).replace(" pfn:0x23f000", ""),
        ("foll_pin", True),
        (0, 1),
    ),
    "5.10, a pinned large folio": (new(515, 1, LARGE.format(1) + LARGE_ANON), ("foll_pin", True), (None, 1)),
    "5.10, a large folio, pages mapped who knows how often": (
        new(515, 1, LARGE.format(0) + LARGE_ANON),
        ("", False),
        (None, 0),
    ),
    "6.6, mapped only as a whole": (new(3, 1, SPLIT_COUNT.format(0) + ANON), ("extra_reference", True), (1, 0)),
    "6.6, mapped page by page": (new(3, 1, SPLIT_COUNT.format(3) + ANON), ("", False), (None, 0)),
    "hugetlbfs, one reference a page": (new(513, 0, HUGETLBFS + HUGETLB, "00000000ab12cd34"), ("", False), (0, 0)),
    "hugetlbfs, one reference": (new(2, 0, HUGETLBFS + HUGETLB, "00000000ab12cd34"), ("", False), (0, 0)),
    "balloon of 5.10": (
        new(2, 0, 'aops:balloon_aops ino:1 dentry name:"balloon"\nflags: 0x17ffffc0000000()\n', "00000000deadbeef"),
        ("waits_on_other", False),
        (None, None),
    ),
    "zsmalloc of 6.1, which prints no type": (new(2, 0, BARE), ("extra_reference", False), (1, 0)),
    "zsmalloc of 7.3": (new(2, 0, BARE + "page_type: f8(zsmalloc)\n"), ("waits_on_other", False), (None, None)),
    "cut from its file": (new(2, 0, BARE.replace("(node", "(uptodate|node")), ("extra_reference", True), (1, 0)),
    "all types printed, 6.7": (new(3, 1, ANON + "page_type: 0xffffffff()\n"), ("extra_reference", True), (1, 0)),
    "KSM": (new(9, 7, ANON.replace("anon", "ksm")), ("extra_reference", True), (1, 0)),
    "in the swap cache": (
        new(3, 1, ANON.replace("swapbacked", "owner_priv_1|swapbacked")),
        ("", False),
        (0, 0),
    ),
    "hardware error, small": (new(3, 1, ANON.replace("dirty", "hwpoison")), ("", False), (1, 0)),
    "free meanwhile": (new(0, 0, BARE + "page_type: f0(buddy)\n", reason=ISOLATION), ("", False), (-1, 0)),
    "slab, not isolated": (
        new(2, 0, BARE.replace("(node", "(slab|node"), reason=ISOLATION),
        ("not_movable_type", True),
        (1, 0),
    ),
    "5.10, not isolated, may be hugetlbfs": (
        new(2, 1, LARGE.format(0) + LARGE_ANON, reason=ISOLATION),
        ("not_on_lru", False),
        (None, 0),
    ),
    "not isolated": (new(3, 1, ANON, reason=ISOLATION), ("not_on_lru", True), (1, 0)),
    "anonymous, and said to be unmovable": (new(3, 1, ANON, reason=UNMOVABLE), ("not_on_lru", True), (2, 0)),
    "reserved": (
        new(1, 0, BARE.replace("(node", "(reserved|node"), reason=UNMOVABLE),
        ("not_movable_type", True),
        (1, 0),
    ),
    "flags are missing": (new(3, 1, ""), ("", False), (None, None)),
}


@pytest.mark.parametrize("name", DUMPS)
def test_a_dump_is_read_as_its_kernel_means_it(name: str) -> None:
    text, expected, (left, pins) = DUMPS[name]
    finding = first(text)
    assert (finding.verdict.mechanism, finding.verdict.proved) == expected
    assert finding.references is not None
    assert (finding.references.left, finding.references.pins) == (left, pins)
    assert finding.verdict.proved or not any(one.is_proved for one in finding.candidates)


def test_the_file_of_a_module_is_read() -> None:
    middle = 'aops:xfs_address_space_operations [xfs] ino:8f dentry name(?):"data"\n' + ANON.replace("anon ", "")
    record = diagnose(new(3, 0, middle, "00000000ab12cd34")).records[0]
    assert [record.text(name) for name in ("aops", "ino", "dentry")] == ["xfs_address_space_operations", "8f", "data"]


@pytest.mark.parametrize(
    ("release", "zone", "where"),
    [
        ("6.12.9-amd64", 3, "in ZONE_MOVABLE"),
        ("6.12.9-arm64", 3, "in ZONE_MOVABLE"),
        ("6.12.9-arm64", 2, "in zone 2"),
        ("6.12.9-s390x", 2, "in ZONE_MOVABLE"),
        ("6.12.9-s390x", 3, "in zone 3"),
        ("6.8.0-31-generic (b@c) (powerpc64le-linux-gnu-gcc-13", 3, "in zone 3"),
    ],
)
def test_which_zone_is_movable_depends_on_the_architecture(release: str, zone: int, where: str) -> None:
    verdict = first(LINUX.format(release) + new(3, 1, ANON.replace("zone=3", f"zone={zone}"))).verdict
    assert where in verdict.sentence
    assert verdict.area == ("zone_movable" if "MOVABLE" in where else "")


def test_writeback_with_a_pin_beside_it_says_both() -> None:
    middle = "aops:ext4_da_aops ino:12\n" + ANON.replace("anon ", "").replace("dirty", "writeback")
    verdict = first(new(1027, 1, middle, "00000000ab12cd34")).verdict
    assert verdict.mechanism == "writeback"
    assert "these alone would keep it" in verdict.reasons[1].text


TRACE = {
    "4.4": (
        " [<ffffffff818323db>] bit_wait_io+0x1b/0x70\n [<ffffffff81831fed>] __wait_on_bit+0x5f/0x90\n"
        " [<ffffffff8118d2c3>] wait_on_page_bit+0xc3/0xd0\n [<ffffffff811f1c2a>] migrate_pages+0x88a/0x8d0\n"
        " [<ffffffff811b2caa>] compact_zone+0x4aa/0x9d0\n",
        ("writeback", True, "compaction"),
    ),
    "4.4, the lock": (
        " [<ffffffff818323db>] bit_wait_io+0x1b/0x70\n"
        " [<ffffffff81831fed>] __wait_on_bit_lock+0x5f/0x90\n [<ffffffff8118d2c3>] __lock_page+0xc3/0xd0\n"
        " [<ffffffff811f1c2a>] migrate_pages+0x88a/0x8d0\n [<ffffffff811b2caa>] compact_zone+0x4aa/0x9d0\n",
        ("page_lock", True, "compaction"),
    ),
    "4.14": (
        " io_schedule+0x16/0x40\n wait_on_page_bit+0xf3/0x130\n migrate_pages+0x89c/0x900\n"
        " __offline_pages.constprop.29+0x4ac/0x770\n",
        ("writeback", True, "offline"),
    ),
    "before 5.2 or not": (
        " io_schedule+0x16/0x40\n wait_on_page_bit_common+0x133/0x370\n migrate_pages+0x7f1/0xb40\n"
        " __offline_pages+0x4ac/0x770\n",
        ("page_lock", False, "offline"),
    ),
    "5.15": (
        LINUX.format("5.15.0-100-generic")
        + " io_schedule+0x16/0x40\n wait_on_page_bit_common+0x133/0x370\n migrate_pages+0x7f1/0xb40\n"
        " __offline_pages+0x4ac/0x770\n",
        ("page_lock", True, "offline"),
    ),
    "arm64": (
        "task:sh              state:D stack:0     pid:812   tgid:812   ppid:1      flags:0x00000008\nCall trace:\n"
        " __switch_to+0xf0/0x150 (T)\n folio_wait_bit_common+0x14c/0x3b0\n folio_wait_writeback+0x30/0x90\n"
        " migrate_pages_batch+0x3a4/0xbf0\n migrate_pages+0x9e4/0xc70\n offline_pages+0x4a4/0x8a0\n",
        ("writeback", True, "offline"),
    ),
    "32-bit Arm, 4.14": (
        "[<c0b87848>] (io_schedule) from [<c022fbe4>] (wait_on_page_bit+0x110/0x15c)\n"
        "[<c022fbe4>] (wait_on_page_bit) from [<c0290d0c>] (migrate_pages+0x4dc/0x928)\n"
        "[<c0290d0c>] (migrate_pages) from [<c0250d70>] (alloc_contig_range+0x218/0x328)\n"
        "[<c0250d70>] (alloc_contig_range) from [<c02530a8>] (cma_alloc+0x100/0x300)\n"
        "[<c02530a8>] (cma_alloc) from [<bf3ea028>] (gpu_alloc+0x14/0x15c [gpu])\n",
        ("writeback", True, "cma"),
    ),
    "32-bit Arm, 6.1": (
        " schedule from io_schedule+0x14/0x3c\n io_schedule from folio_wait_bit_common+0x164/0x3a8\n"
        " folio_wait_bit_common from folio_wait_writeback+0x2c/0x84\n"
        " folio_wait_writeback from migrate_pages+0x6f8/0xd7c\n migrate_pages from offline_pages+0x2a4/0x5b0\n"
        " offline_pages from memory_subsys_offline+0x5c/0x9c\n",
        ("writeback", True, "offline"),
    ),
    "ppc64": (
        "[c0000000fa5bf5d0] [c0000000fa5bf640] 0xc0000000fa5bf640 (unreliable)\n"
        "[c0000000fa5bf800] [c0000000011e5a04] io_schedule+0x44/0xb0\n"
        "[c0000000fa5bf880] [c0000000003e5a04] folio_wait_bit_common+0x1a4/0x3d0\n"
        "[c0000000fa5bf920] [c0000000003f9ab8] folio_wait_writeback+0x38/0xa0\n"
        "[c0000000fa5bf950] [c00000000052b3f0] migrate_pages_batch+0x420/0xd90\n"
        "[c0000000fa5bfb90] [c00000000053e41c] offline_pages+0x4ac/0x880\n",
        ("writeback", True, "offline"),
    ),
    "s390": (
        " [<00000001e5e5a9a6>] io_schedule+0x46/0x70 \n"
        " [<00000001e5e5a9d6>] folio_wait_bit_common+0x146/0x370 \n"
        " [<00000001e5e6bcd0>] folio_wait_writeback+0x38/0x90 \n"
        "([<00000001e5f6b1e4>] migrate_pages_batch+0x41c/0xc00)\n [<00000001e5f7c1e4>] offline_pages+0x41c/0xc00 \n",
        ("writeback", True, "offline"),
    ),
    "with files and lines": (
        " context_switch kernel/sched/core.c:5408 [inline]\n"
        " folio_wait_bit_common+0x14c/0x3b0 mm/filemap.c:1307\n"
        " folio_wait_writeback+0x30/0x90 mm/page-writeback.c:3126\n migrate_folio_unmap mm/migrate.c:1220 [inline]\n"
        " migrate_pages_batch+0x3a4/0xbf0 mm/migrate.c:1721\n offline_pages+0x4a4/0x8a0 mm/memory_hotplug.c:2010\n",
        ("writeback", True, "offline"),
    ),
    "with files alone": (
        " io_schedule (kernel/sched/core.c:7624)\n"
        " folio_wait_bit_common (mm/filemap.c:1307)\n"
        " folio_wait_writeback (mm/page-writeback.c:3126 (discriminator 2))\n"
        " migrate_pages_batch (mm/migrate.c:1721)\n offline_pages (mm/memory_hotplug.c:2000)\n",
        ("writeback", True, "offline"),
    ),
    "crash": (
        'PID: 812      TASK: ffff9c0d4a5d8000  CPU: 3    COMMAND: "sh"\n'
        " #0 [ffffb8d4c0a7fab0] __schedule at ffffffffab5a3951\n"
        " #3 [ffffb8d4c0a7fb60] folio_wait_bit_common at ffffffffaacb6b3d\n"
        " #4 [ffffb8d4c0a7fbf0] folio_wait_writeback at ffffffffaacc9a6c\n"
        " #5 [ffffb8d4c0a7fc08] migrate_pages_batch at ffffffffaadb3f0e\n"
        " #7 [ffffb8d4c0a7fd80] offline_pages at ffffffffaadd0f1e\n",
        ("writeback", True, "offline"),
    ),
    "ftrace": (
        "  sh-812     [001] d..2.   242.1: <stack trace>\n => folio_wait_bit_common\n => folio_wait_writeback\n"
        " => migrate_pages_batch\n => migrate_pages\n => offline_pages\n",
        ("writeback", False, "offline"),
    ),
    "bpftrace": (
        "@[\n    schedule+46\n    folio_wait_bit_common+312\n    folio_wait_writeback+44\n"
        "    migrate_pages_batch+2345\n"
        "    offline_pages+788\n]: 12\n",
        ("writeback", True, "offline"),
    ),
    "perf": (
        "\tffffffff811f1c2a folio_wait_bit_common+0x13a ([kernel.kallsyms])\n"
        "\tffffffff811f1c2b folio_wait_writeback+0x2a ([kernel.kallsyms])\n"
        "\tffffffff811f1c2c migrate_pages_batch+0x2a ([kernel.kallsyms])\n"
        "\tffffffff811f1c2d offline_pages+0x2a ([kernel.kallsyms])\n",
        ("writeback", False, "offline"),
    ),
    "the unwinder only guesses": (
        " ? io_schedule+0x16/0x40\n ? folio_wait_writeback+0x30/0x90\n ? migrate_pages_batch+0x3a4/0xbf0\n"
        " ? offline_pages+0x4a4/0x8a0\n",
        ("writeback", False, "offline"),
    ),
    "reclaim on the way": (
        " io_schedule+0x16/0x40\n folio_wait_bit_common+0x14c/0x3b0\n folio_wait_writeback+0x30/0x90\n"
        " shrink_folio_list+0x100/0x900\n"
        " try_to_free_pages+0x1/0x9\n __alloc_pages_slowpath.constprop.0+0x1/0x9\n alloc_migration_target+0x1/0x9\n"
        " migrate_pages_batch+0x3a4/0xbf0\n offline_pages+0x4a4/0x8a0\n",
        ("", False, "offline"),
    ),
    "written out to be moved": (
        " io_schedule+0x16/0x40\n folio_wait_bit_common+0x14c/0x3b0\n folio_wait_writeback+0x30/0x90\n"
        " foofs_writepage+0x100/0x900\n"
        " fallback_migrate_folio+0x1/0x9\n move_to_new_folio+0x1/0x9\n migrate_pages_batch+0x3a4/0xbf0\n"
        " offline_pages+0x4a4/0x8a0\n",
        ("writeback", True, "offline"),
    ),
    "the lock of the mappings": (
        " schedule+0x27/0xd0\n rwsem_down_read_slowpath+0x14c/0x3b0\n down_read+0x30/0x90\n"
        " rmap_walk_file+0x100/0x900\n"
        " try_to_migrate+0x1/0x9\n migrate_pages_batch+0x3a4/0xbf0\n offline_pages+0x4a4/0x8a0\n",
        ("waits_on_other", True, "offline"),
    ),
    "who touched it": (
        " io_schedule+0x16/0x40\n folio_wait_bit_common+0x14c/0x3b0\n migration_entry_wait_on_locked+0x30/0x90\n"
        " migration_entry_wait+0x100/0x900\n do_swap_page+0x1/0x9\n",
        ("waits_on_other", True, ""),
    ),
}


@pytest.mark.parametrize("name", TRACE)
def test_a_trace_is_read_as_its_kernel_means_it(name: str) -> None:
    text, expected = TRACE[name]
    verdict = first(text).verdict
    assert (verdict.mechanism, verdict.proved, verdict.mover) == expected
    assert verdict.manner == ("" if name in UNTOLD else "sleeps_in_d")


# Samples and events of whoever was on a CPU, and functions that the unwinder only guessed: nothing says that he slept.
UNTOLD = ("ftrace", "perf", "the unwinder only guesses")


def test_the_version_stands_below_a_hung_tasks_first_line() -> None:
    text = "INFO: task sh:8 blocked for more than 120 seconds.\n      Tainted: G        W  O     5.4.0-42-generic #46\n"
    assert diagnose(text + TRACE["before 5.2 or not"][0]).release == "5.4.0-42-generic"
    assert first(text + TRACE["before 5.2 or not"][0]).verdict.proved


CMA = "cma: {}: alloc failed, req-size: 512 pages, ret: {}\n"
SMALL = "cma: number of available pages: 1@3+128@77=> 129 free of 4096 total pages\n"
LARGE_ENOUGH = "cma: number of available pages: 1@3+512@512=> 513 free of 4096 total pages\n"
RANGES = (
    "cma: number of available pages: \ncma: range 0: 1@3+128@77\ncma: range 1: 4@0\ncma: \n"
    "=> 133 free of 4096 total pages\n"
)
ALLOCATIONS = {
    "5.10, busy": (CMA.format("cma_alloc", -16), "cma-pages-busy", ""),
    "5.10, full": (CMA.format("cma_alloc", -12), "cma-full", ""),
    "6.1, full, and shown to be": (CMA.format("cma_alloc: linux,cma", -12) + SMALL, "cma-full", "cma-bitmap-full"),
    "6.1, full, and not shown to be": (CMA.format("cma_alloc: a@1", -12) + LARGE_ENOUGH, "cma-full", ""),
    "6.12 by its version": (LINUX.format("6.12.107") + CMA.format("__cma_alloc: a", -16), "cma-pages-busy", ""),
    "6.12 or later": (CMA.format("__cma_alloc: a", -16), "cma-full-or-busy", ""),
    "6.18": (LINUX.format("6.18.3") + CMA.format("__cma_alloc: a", -16), "cma-full-or-busy", ""),
    "6.18, no target": (
        LINUX.format("6.18.3") + CMA.format("__cma_alloc: a", -12),
        "cma-no-target",
        "no-migration-target?",
    ),
    "7.3": (CMA.format("__cma_alloc_frozen: a", -16), "cma-full-or-busy", ""),
    "7.3, full by its ranges": (CMA.format("__cma_alloc_frozen: a", -16) + RANGES, "cma-full", "cma-bitmap-full"),
    "7.3, a range that was cut": (
        CMA.format("__cma_alloc_frozen: a", -16) + RANGES.replace("128@77", "128@77+" + "1@1+" * 500),
        "cma-full-or-busy",
        "",
    ),
    "7.3, another failure without a list": (
        CMA.format("__cma_alloc_frozen: a", -16) * 2 + RANGES,
        "cma-full-or-busy",
        "",
    ),
    "a signal": (CMA.format("cma_alloc: a", -4), "cma-interrupted", ""),
}


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_a_failed_allocation_is_read_as_its_kernel_means_it(name: str) -> None:
    text, rule, holder = ALLOCATIONS[name]
    finding = next(one for one in diagnose(text, signatures()).findings if one.verdict.rule != "cma-free-ranges")
    assert finding.verdict.rule == rule
    proved = [one.case for one in finding.candidates if one.is_proved]
    assert proved == ([] if holder.endswith("?") or not holder else [holder])


SOFT = {
    "4.14": ("soft offline: 0x1234: migration failed 1, type 17ffffc0008c (uptodate|dirty|writeback)\n", "writeback"),
    "6.1": ("soft offline: 0x1234: page migration failed 1, type 0x17ff(uptodate|lru|node=0)\n", ""),
    "7.3": ("Soft offline: 0x1234: page migration failed 1, type 0x17ff(uptodate|writeback|node=0)\n", "writeback"),
    "no huge page": ("soft offline: 0x12: hugepage migration failed -12, type 0x17(head)\n", "no_target_memory"),
    "off the lists": ("Soft offline: 0x45: page isolation failed, page count 3, type 0x17(dirty)\n", "not_on_lru"),
    "a huge page": ("soft offline: 0x45: hugepage isolation failed, page count 3, type 0x17(head)\n", ""),
}


@pytest.mark.parametrize("name", SOFT)
def test_a_soft_offline_is_read_as_its_kernel_means_it(name: str) -> None:
    text, mechanism = SOFT[name]
    verdict = first(text).verdict
    assert (verdict.mechanism, verdict.proved, verdict.mover) == (mechanism, bool(mechanism), "soft_offline")


@pytest.mark.parametrize(
    "line",
    [
        "memory memory48: Offline failed.",
        "acpi PNP0C80:02: Offline failed.",
        "pseries-hotplug-mem: Memory hot-remove failed, adding LMB's back",
        "pseries-hotplug-mem: Memory indexed-count-remove failed, adding any removed LMBs",
        "memory offlining [mem 0x18b580000000-0x18b5ffffffff] failed",
    ],
)
def test_a_driver_that_only_says_that_it_failed_gives_no_mechanism(line: str) -> None:
    verdict = first(f"[ 5420.655030] {line}\n").verdict
    assert (verdict.rule, verdict.mechanism, verdict.mover) == ("offline-failed", "", "offline")


@pytest.mark.parametrize(
    "text",
    [
        "page:00000000467f4890 refcount:-1 mapcount:0 mapping:0 index:0x0 pfn:0x12\nflags: 0x17(node=0|zone=2)\n"
        "page dumped because: PAGE_FLAGS_CHECK_AT_FREE flag(s) set\n",
        "Node 0, zone   Normal, type    Unmovable      1      2      3\nlowmem_reserve[]: 0 0\n",
        "kernel BUG at mm/migrate.c:100!\nRIP: 0010:migrate_pages+0x1/0x2\nCall Trace:\n foo+0x1/0x2\n bar+0x1/0x2\n",
        "The page: refcount says how many. flags: see lock_page() and folio_wait_writeback().\n",
        "panic: runtime error\n\tmain.lock_page(0x1)\n\t\t/src/page.go:12 +0x1d\n",
        "vc4-drm soc:gpu: failed to allocate buffer with size 4194304\n",
        "virtio_mem virtio1: requested size: 0x0\nhv_balloon: Balloon request will be partially fulfilled.\n",
    ],
)
def test_what_is_no_such_case_is_none_of_the_known(text: str) -> None:
    found = diagnose(text, signatures())
    assert not any(finding.is_known or finding.candidates for finding in found.findings)
    assert not found.summary.startswith(("Proved", "Likely"))
