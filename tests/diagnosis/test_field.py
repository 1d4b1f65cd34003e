"""Small logs in the shape of public reports, made by hand (field/), and what is right of each; beside them what nearly
looks so, and what lies just on the other side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.rules.verdict import Diagnosis

FOLDER = Path(__file__).parent / "field"


def text(name: str) -> str:
    return (FOLDER / f"min-{name}.txt").read_text()


def said(given: str) -> Diagnosis:
    return diagnose(given, signatures())


@dataclass(frozen=True)
class Right:
    """`candidates`: begins so. `words`: in the first finding's sentence."""

    rule: str
    mechanism: str
    proved: bool
    mover: str
    candidates: tuple[str, ...]
    words: str


RIGHT = {
    "01": Right("other-dump", "", False, "", (), "nothing to do with migration: not locked"),
    "02": Right("kernel-error", "", False, "compaction", (), "in a task that ran"),
    "04": Right("driver-not-isolated", "waits_on_other", False, "offline", ("z3fold-headless",), "z3fold"),
    "05": Right("write-elsewhere", "", False, "", (), "cpu3/online, which is no memory block"),
    "06": Right("sleeps-elsewhere", "", False, "offline", (), "bash (pid 1204) sleeps in kthread_stop"),
    "07": Right("sleeps-elsewhere", "", False, "offline", (), "bash (pid 1204) sleeps in kthread_stop"),
    "09": Right("cma-pages-busy", "", False, "cma", (), "tried ranges"),
    "10": Right("cma-full", "no_target_memory", True, "cma", ("cma-bitmap-full",), "less free than was asked for"),
    "12": Right("soft-offline-isolation", "", False, "soft_offline", (), "could not isolate the huge page"),
    "13": Right("migration-target", "", False, "offline", (), "the target of a migration under way"),
    "15": Right("waits-for-buffer-lock", "buffer_lock", True, "kcompactd", ("userspace-block-device",), "buffer head"),
    "16": Right("range-busy", "", False, "", (), "virtio-mem tried"),
    "17": Right("waits-for-private-data", "private_data", True, "kcompactd", ("fscache-private2",), "local cache"),
    "18": Right("perhaps-pinned", "foll_pin", False, "offline", (), "a pin counts as 1024"),
    "21": Right("waits-for-others", "", False, "offline", (), "bash (pid 4922) sleeps until every CPU has emptied"),
    "23": Right("waits-for-private-data", "private_data", True, "kcompactd", ("fscache-private2",), "local cache"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_log_of_the_field_is_read_right(name: str) -> None:
    right, finding = RIGHT[name], said(text(name)).findings[0]
    verdict = finding.verdict
    assert (verdict.rule, verdict.mechanism, verdict.proved, verdict.mover) == (
        *(right.rule, right.mechanism, right.proved, right.mover),
    )
    assert right.words in verdict.sentence
    assert tuple(one.case for one in finding.candidates)[: len(right.candidates)] == right.candidates


def test_no_task_of_the_field_sleeps_where_it_ran() -> None:
    for name in ("01", "02"):
        assert not [one for one in said(text(name)).findings if one.verdict.manner == "sleeps_in_d"]
        assert "sleep" not in said(text(name)).summary


def test_a_trace_that_ends_in_ret_from_fork_is_of_one_task() -> None:
    assert [record.kind for record in said(text("23")).records].count("task") == 1


def test_what_cannot_be_is_no_candidate() -> None:
    for name in ("17", "23"):
        assert [one.case for one in said(text(name)).findings[0].candidates] == ["fscache-private2"]
    for name in ("04", "13"):
        assert "lru-add-batches" not in {one.case for found in said(text(name)).findings for one in found.candidates}
    assert said(text("15")).findings[0].candidates[0].case == "userspace-block-device"
    assert "odirect-slow-io" in {one.case for one in said(text("18")).findings[0].candidates}


@pytest.mark.parametrize("release", ["6.1.0-18-amd64", "6.14.0", "6.15.0", "7.3.4"])
def test_less_free_than_asked_for_is_full_on_any_kernel(release: str) -> None:
    assert diagnose(text("10"), signatures(), release).findings[0].verdict.rule == "cma-full"


@pytest.mark.parametrize(("ret", "is_said"), [("-16", False), ("-12", True)])
def test_enomem_supports_nothing_where_the_text_says_ebusy(ret: str, is_said: bool) -> None:
    full = said(text("10").replace("ret: -16", f"ret: {ret}")).findings[0].candidates[0]
    assert (full.case, full.is_proved) == ("cma-bitmap-full", True)
    assert any("-ENOMEM" in argument.text for argument in full.support) is is_said


@pytest.mark.parametrize(("free", "rule"), [("1999", "cma-full"), ("2000", "cma-full-or-busy")])
def test_as_much_free_as_asked_for_may_be_full_or_busy(free: str, rule: str) -> None:
    assert said(text("10").replace("1000 free", free + " free")).findings[0].verdict.rule == rule


def test_a_list_of_free_ranges_that_a_mailer_wrapped_is_read_whole() -> None:
    (free,) = [record for record in said(text("09")).records if record.kind == "cma_free"]
    assert (free.number("nr_free"), free.number("largest_free"), free.number("nr_total")) == (33161, 7276, 81920)


@pytest.mark.parametrize(
    ("above", "mover", "area"),
    [
        ("virtio_mem virtio0: requested size: 0x0\n", "", ""),
        ("", "", ""),
        ("cma: cma_alloc: linux,cma: alloc failed, req-size: 148 pages, ret: -16\n", "cma", "migrate_cma"),
    ],
)
def test_a_busy_range_is_of_cma_only_where_the_text_says_so(above: str, mover: str, area: str) -> None:
    busy = "alloc_contig_range: [1b8000, 1c0000) PFNs busy\n"
    verdict = next(one.verdict for one in said(above + busy).findings if one.verdict.rule == "range-busy")
    assert (verdict.mover, verdict.area) == (mover, area)


TARGET = text("13")


@pytest.mark.parametrize(
    ("was", "becomes", "rule"),
    [
        ("", "", "migration-target"),
        ("refcount:1", "refcount:2", "unmovable-unread"),
        ("(locked|", "(", "unmovable-unread"),
        ("mapcount:0", "mapcount:1", "unmovable-unread"),
        ("aops:0x0 ino:1 invalid dentry:74786574206e6870", "invalid mapping:ffff989127f55ea0", "migration-target"),
        ("aops:0x0", "aops:0xffffffffc0a81b20", "unmovable-unread"),
        ("aops:0x0 ino:1 invalid dentry:74786574206e6870", "aops:xfs_address_space_operations", "unmovable-off-list"),
        ("unmovable page", "isolation failed", "not-on-lru"),
    ],
)  # fmt: skip
def test_whose_mapping_cannot_be_read_is_no_page_cache(was: str, becomes: str, rule: str) -> None:
    verdict = said(TARGET.replace(was, becomes)).findings[0].verdict
    assert verdict.rule == rule
    assert verdict.proved is (rule == "unmovable-off-list")
    assert "page-cache" not in verdict.sentence or rule == "unmovable-off-list"


Z3FOLD = text("04")


@pytest.mark.parametrize(
    ("given", "mechanism"),
    [
        (Z3FOLD.replace("mapping->a_ops:", "aops:"), "waits_on_other"),
        (Z3FOLD.replace("z3fold", "zsmalloc"), "waits_on_other"),
        ("\n".join(line for line in Z3FOLD.split("\n") if "a_ops" not in line), "waits_on_other"),  # by its raw words
        (
            "\n".join(line for line in Z3FOLD.replace("aa7f6a", "aa7f68").split("\n") if "a_ops" not in line),
            "not_on_lru",
        ),
        (Z3FOLD.replace("mapping->a_ops:z3fold_aops", "aops:shmem_aops ino:12"), "not_on_lru"),
    ],
)
def test_a_drivers_page_is_told_by_its_mapping_or_its_raw_words(given: str, mechanism: str) -> None:
    verdict = said(given).findings[0].verdict
    assert verdict.mechanism == mechanism
    assert verdict.proved is ("shmem" in given)


MEMORY = "# echo offline > /sys/devices/system/memory/memory41/state\n"
REFUSED = "-bash: echo: write error: Device or resource busy\n"


@pytest.mark.parametrize(
    ("given", "rules"),
    [
        (MEMORY + REFUSED, ["write-refused"]),
        (MEMORY.replace("memory41/state", "memory41/online").replace("offline", "0") + REFUSED, ["write-refused"]),
        ("memory41/state:online\n" + REFUSED, ["write-refused"]),
        (REFUSED, []),
        ("# echo 1 > /sys/block/zram0/reset\n" + REFUSED, ["write-elsewhere"]),
        ("$ echo x | sudo tee /sys/bus/pci/drivers/vfio-pci/bind\ntee: /sys/bus/pci/drivers/vfio-pci/bind: "
         "Device or resource busy\n", ["write-elsewhere"]),
        (MEMORY + "#\n" + text("05"), ["write-elsewhere"]),
    ],
)  # fmt: skip
def test_ebusy_counts_only_where_a_memory_block_is_named(given: str, rules: list[str]) -> None:
    assert [one.verdict.rule for one in said(given).findings] == rules


@pytest.mark.parametrize(
    ("line", "rule", "mechanism"),
    [
        ("pseries-hotplug-mem: Failed to hot-remove memory at 3e0000000", "offline-failed", ""),
        ('dlpar: Could not handle DLPAR request "memory remove index 0x8000003e"', "offline-failed", ""),
        ('dlpar: Could not handle DLPAR request "memory remove count 4"', "offline-failed", ""),
        ("soft offline: 0x51c00 hugepage failed to isolate", "soft-offline-isolation", ""),
        ("soft offline: 0x51c00: thp split failed", "soft-offline-split", "split_failure"),
        ("soft_offline: 0x1469f2: unknown non LRU page type 17ffffc0000000 ()", "soft-offline-isolation", ""),
        ("soft_offline: 0x14: unknown non LRU page type 17ffc0000000 (dirty)", "soft-offline-isolation", "not_on_lru"),
        ("memory offlining [mem 0x18-0x1f] failed due to notifier failure", "offline-notifier", ""),
        ("memory offlining [mem 0x18-0x1f] failed due to node notifier failure", "offline-notifier", ""),
        ("memory offlining [mem 0x18-0x1f] failed due to memory holes", "offline-no-range", ""),
        ("memory offlining [mem 0x18-0x1f] failed due to multizone range", "offline-no-range", ""),
        ("memory offlining [mem 0x18-0x1f] failed due to failure to isolate range", "offline-not-isolated", ""),
        ("memory offlining [mem 0x18-0x1f] failed due to unmovable page", "offline-refused", "not_movable_type"),
        ("memory offlining [mem 0x18-0x1f] failed due to failure to dissolve huge pages", "offline-hugetlb",
         "no_target_memory"),
    ],
)  # fmt: skip
def test_each_wording_is_read(line: str, rule: str, mechanism: str) -> None:
    finding = said(line + "\n").findings[0]
    assert (finding.verdict.rule, finding.verdict.mechanism) == (rule, mechanism)
    has_proof = rule == "offline-refused" or mechanism == "not_on_lru"
    assert finding.verdict.proved is has_proof
    assert [one.case for one in finding.candidates if one.is_proved] == (
        ["kernel-unmovable-in-range"] if rule == "offline-refused" else []
    )


@pytest.mark.parametrize(
    "line",
    [
        'dlpar: Could not handle DLPAR request "cpu remove index 0x10000008"',
        "pseries-hotplug-mem: Memory at 3e0000000 was hot-removed",
        "soft offline: 0x51c00 page already poisoned",
    ],
)
def test_what_nearly_says_so_is_no_failure_to_move(line: str) -> None:
    assert not said(line + "\n").findings


@pytest.mark.parametrize(
    "line",
    [
        "Linux web11 6.8.0-45-generic #45-Ubuntu SMP PREEMPT_DYNAMIC Fri Aug 30 UTC 2024 x86_64 GNU/Linux",
        "Kernel: 6.8.0-45-generic",
        "Kernel Version: 6.8.0-45-generic",
        "Linux version 6.8.0-45-generic (b@l) (gcc) #45-Ubuntu SMP",
        "[    0.000000] Linux version 6.8.0-45-generic (b@l) (gcc) #45-Ubuntu SMP",
    ],
)
def test_the_kernel_is_told_in_each_of_its_ways(line: str) -> None:
    assert said(line + "\n" + text("10")).release == "6.8.0-45-generic"
