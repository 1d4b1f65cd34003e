"""What an operator pastes at night: cut, mixed, half of it missing. What it proves is said, and nothing more.

The texts are made after the formats of the kernels that they name; names, addresses and numbers are invented.
"""

from __future__ import annotations

import pytest

from diagnosis.answers.plain import shown
from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.rules.verdict import Diagnosis
from diagnosis.text.boots import Boots

HELD = """[1203331.131200] migrating pfn 1283f1 failed ret:1
[1203331.131204] page:00000000d3b3c3f0 refcount:3 mapcount:1 mapping:0000000000000000 index:0x7f5c3a21e pfn:0x1283f1
[1203331.131209] memcg:ffff888103e12000
[1203331.131211] anon flags: 0x17ffffc0020014(uptodate|swapbacked|node=0|zone=3|lastcpupid=0x1fffff)
[1203331.131214] raw: 0017ffffc0020014 ffffea0004a0fc08 ffffea0004a0fb88 ffff8881420c5a11
"""
REASON = "[1203331.131216] page dumped because: migration failure\n"


def said(text: str) -> Diagnosis:
    return diagnose(text, signatures())


def test_a_dump_that_is_cut_before_its_reason_is_not_called_free_of_holders() -> None:
    whole, cut = said(HELD + REASON).findings[0], said(HELD).findings[0]
    assert (whole.verdict.mechanism, whole.verdict.proved) == ("extra_reference", True)
    assert (cut.verdict.mechanism, cut.verdict.proved) == ("extra_reference", False)
    assert "cut before the line" in " ".join(cut.verdict.unknown)


def test_a_cut_dump_whose_references_are_all_known_says_so() -> None:
    cut = said(HELD.replace("refcount:3", "refcount:2")).findings[0].verdict
    assert (cut.mechanism, "every reference" in cut.sentence) == ("", True)


def test_a_surplus_is_no_holder_where_no_move_is_said_to_have_failed() -> None:
    """A page that could not be isolated mostly waits in a batch of a CPU, which has a reference of its own."""
    cut = said(HELD.replace("migrating pfn 1283f1 failed ret:1", "failed to isolate pfn 1283f1")).findings[0].verdict
    assert (cut.mechanism, "every reference" in cut.sentence) == ("", False)


KCOMPACTD = """root@node17:~# cat /proc/104/stack
[<0>] isolate_migratepages_block+0x4b1/0xd30
[<0>] isolate_migratepages+0x12c/0x2a0
[<0>] compact_zone+0x3a0/0x8a0
[<0>] proactive_compact_node+0x87/0xd0
[<0>] kcompactd+0x33a/0x4b0
"""
LOCKUP = """watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [kcompactd0:104]
Modules linked in: xt_conntrack nf_conntrack
CPU: 3 PID: 104 Comm: kcompactd0 Tainted: G             L     5.15.0-91-generic #101-Ubuntu
RIP: 0010:isolate_migratepages_block+0x4b1/0xd30
Call Trace:
 <IRQ>
 ? watchdog_timer_fn+0x1a5/0x210
 </IRQ>
 <TASK>
 isolate_migratepages+0x12c/0x2a0
 compact_zone+0x3a0/0x8a0
 kcompactd_do_work+0x87/0xd0
 kcompactd+0x33a/0x4b0
"""
DIRECT = """NMI backtrace for cpu 3
CPU: 3 PID: 4410 Comm: java Not tainted 5.10.0-28-amd64 #1
Call Trace:
 compaction_alloc+0x512/0x9e0
 migrate_pages+0xd1/0xcb0
 compact_zone+0x672/0xd80
 try_to_compact_pages+0xe2/0x260
"""
DRAINS = """INFO: task bash:5120 blocked for more than 120 seconds.
      Not tainted 6.6.30-generic #1
task:bash            state:D stack:0     pid:5120  ppid:5101   flags:0x00004002
Call Trace:
 __schedule+0x3cf/0x15d0
 schedule+0x5e/0xd0
 schedule_timeout+0x94/0x160
 __wait_for_common+0x8f/0x190
 __flush_work.isra.0+0x16d/0x280
 __lru_add_drain_all+0x155/0x1f0
 offline_pages+0x1c7/0x520
 memory_subsys_offline+0x9e/0x150
"""


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        (KCOMPACTD, "compacts-unasked", "looked for pages to move"),
        (LOCKUP, "compacts", "looked for pages to move"),
        (DIRECT, "compacts", "looked for free pages"),
        (DRAINS, "waits-for-others", "bash (pid 5120) sleeps until every CPU has emptied its lists"),
        (DRAINS.replace("__lru_add_drain_all", "acpi_walk"), "sleeps-elsewhere", "sleeps in __flush_work while"),
        (
            DRAINS.replace("state:D", "state:R").replace("blocked for", "said for"),
            "mover-runs",
            "runs while it offlines",
        ),
    ],
)
def test_a_mover_that_waits_for_no_folio_is_no_silence(text: str, rule: str, words: str) -> None:
    verdict = said(text).findings[0].verdict
    assert (verdict.rule, verdict.mechanism, verdict.proved) == (rule, "", False)
    assert words in verdict.sentence


def test_compaction_at_work_asks_for_counters_twice_and_for_what_it_moves() -> None:
    made = said(LOCKUP)
    assert [command.run.split(" ")[0] for command in made.capture[:2]] == ["grep", "sudo"]
    assert "nothing else for 22 s" in made.summary
    assert "proactiveness=0" in said(KCOMPACTD).now[0].text


def test_a_mover_that_sleeps_for_a_folio_stays_what_it_is() -> None:
    hung = DRAINS.replace("__lru_add_drain_all", "migrate_pages_batch").replace("__flush_work.isra.0", "__folio_lock")
    assert said(hung).findings[0].verdict.mechanism == "page_lock"


@pytest.mark.parametrize("stamp", ["", "[ 4411.210011] ", "Nov 27 03:10:02 web11 kernel: ", "serial0: "])
def test_a_trace_of_whoever_runs_keeps_its_name(stamp: str) -> None:
    lines = "".join(stamp + line + "\n" for line in DIRECT.splitlines())
    assert said(lines).summary.startswith("java (pid 4410) compacts")


# Red Hat's kernels write their support status among the taints.
RED_HAT = "      Tainted: G           OE    --------- -  - 4.18.0-513.5.1.el8_9.ppc64le #1\n"
RED_HAT_9 = "      Tainted: G        W  OE    -------  ---  5.14.0-427.13.1.el9_4.x86_64 #1\n"


@pytest.mark.parametrize(
    ("line", "release"),
    [(RED_HAT, "4.18.0-513.5.1.el8_9.ppc64le"), (RED_HAT_9, "5.14.0-427.13.1.el9_4.x86_64")],
)
def test_a_red_hat_kernel_is_told_by_the_line_of_its_taints(line: str, release: str) -> None:
    assert said(DRAINS.replace("      Not tainted 6.6.30-generic #1\n", line)).release == release
    comm = "CPU: 3 PID: 4410 Comm: java Kdump: loaded " + line.strip()
    assert said(DIRECT.replace("CPU: 3 PID: 4410 Comm: java Not tainted 5.10.0-28-amd64 #1", comm)).release == release


PS = """    LWP STAT WCHAN                            COMMAND
   5120 D+   folio_wait_writeback             bash
   5177 Ds   folio_wait_bit_common            /usr/sbin/chmem -d 4g
    812 S    ep_poll                          systemd-udevd
"""


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        ("libdaxctl: offline_one_memblock: dax0.0: Failed to offline /sys/devices/system/node/node1/memory104/state: "
         "Device or resource busy\n", "write-refused", "EBUSY"),
        ("Memory Block 40 (0x0000000140000000-0x0000000147ffffff) disable failed\n", "offline-failed", "failed"),
        ("chmem: Could only disable 1.9G of memory\n", "offline-failed", "failed"),
        ("/sys/devices/system/memory/memory41/state:going-offline\n", "offline-under-way", "memory41 is being taken"),
        ("# cat /sys/devices/system/memory/memory176/state\ngoing-offline\n", "offline-under-way", "not ended"),
        (PS, "waits-by-name", "bash (pid 5120) sleeps in folio_wait_writeback"),
    ],
)  # fmt: skip
def test_what_tools_print_is_read_beside_the_kernels_log(text: str, rule: str, words: str) -> None:
    verdict = said(text).findings[0].verdict
    assert (verdict.rule, verdict.mechanism) == (rule, "")
    assert words in verdict.sentence


def test_the_movers_call_trace_says_more_than_the_state_of_its_block() -> None:
    rules = [finding.verdict.rule for finding in said("memory41/state:going-offline\n" + DRAINS).findings]
    assert rules == ["waits-for-others"]


# cat /proc/812/stack /proc/5120/stack: nothing stands between the two.
FSYNC = """[<0>] folio_wait_bit_common+0x138/0x310
[<0>] folio_wait_writeback+0x2b/0x80
[<0>] __filemap_fdatawait_range+0x90/0x100
[<0>] fuse_fsync+0x5b/0x190 [fuse]
[<0>] do_syscall_64+0x59/0x90
[<0>] {entry}
"""
RUNS = """[<0>] migrate_pages_batch+0x37c/0xb80
[<0>] migrate_pages+0xb96/0xd70
[<0>] do_migrate_range+0x1aa/0x3e0
[<0>] offline_pages+0x3ed/0x520
[<0>] entry_SYSCALL_64_after_hwframe+0x78/0xe2
"""


@pytest.mark.parametrize(
    "entry",
    [
        "entry_SYSCALL_64_after_hwframe+0x78/0xe2",
        "ret_from_fork+0x34/0x50\n[<0>] ret_from_fork_asm+0x1b/0x30",
        "el0t_64_sync+0x1a4/0x1a8",
        "system_call_vectored_common+0x15c/0x2ec",
    ],
)
def test_stacks_without_a_word_between_them_stay_apart(entry: str) -> None:
    """Taken for one, they would prove that the offlining waits for the writeback that the other task waits for."""
    made = said(FSYNC.format(entry=entry) + RUNS)
    assert [record.kind for record in made.records] == ["task", "task"]
    assert not [finding for finding in made.findings if finding.is_known]


READER = """INFO: task cat:90{n} blocked for more than 120 seconds.
task:cat             state:D stack:0     pid:90{n}  tgid:90{n}  ppid:2      flags:0x00004000
Call Trace:
 io_schedule+0x46/0x80
 folio_wait_bit_common+0x136/0x330
 filemap_update_page+0x1e5/0x230
 filemap_get_pages+0x2f0/0x3a0
 {by}+0x9e/0x1a0
"""


def test_who_waits_for_a_folio_and_moves_none_is_told_as_that_and_once() -> None:
    text = "".join(READER.format(n=n, by=by) for n, by in enumerate(("fuse_file_read_iter", "nfs_file_read"), 10))
    made = said(text)
    assert [(one.verdict.rule, len(one.records)) for one in made.findings] == [("bystander-reads", 2)]
    assert (made.findings[0].verdict.mechanism, made.findings[0].verdict.proved) == ("", False)
    assert "cat (pid 9010) sleeps until a page that it reads has been filled" in made.summary
    written = said(FSYNC.format(entry="ret_from_fork+0x34/0x50")).findings[0].verdict
    assert (written.rule, written.mechanism, written.manner) == ("bystander-written", "", "")


def test_a_mover_comes_before_those_who_wait_beside_it() -> None:
    hung = DRAINS.replace("__lru_add_drain_all", "migrate_pages_batch").replace("__flush_work.isra.0", "__folio_lock")
    made = said(READER.format(n=10, by="fuse_file_read_iter") + hung)
    assert [one.verdict.rule for one in made.findings] == ["waits-for-folio-lock", "bystander-reads"]


@pytest.mark.parametrize(
    ("text", "is_asked_for"),
    [
        ("kernel: migrating pfn 82c3a failed ret:1\n", True),
        ("kernel: failed to isolate pfn 82c3a\n", True),
        (HELD, True),
        (HELD + REASON, False),
    ],
)
def test_where_a_dump_is_missing_or_cut_it_is_asked_for(text: str, is_asked_for: bool) -> None:
    assert ("grep -A 8" in said(text).capture[0].run) is is_asked_for


def test_a_locked_folio_with_every_reference_known_is_not_said_to_be_free() -> None:
    locked = (HELD + REASON).replace("refcount:3", "refcount:2").replace("(uptodate", "(locked|uptodate")
    told = " ".join(reason.text for reason in said(locked).findings[0].verdict.reasons)
    assert "was no reference, or was gone" in told and "Its lock is held" in told
    assert "before.txt" in " ".join(command.run for command in said(locked).capture)


LINUX = "Linux version {} (build@box) (gcc 13.2.0) #1 SMP\n"
CMA_BUSY = "cma: cma_alloc: reserved: alloc failed, req-size: 2048 pages, ret: -16\n"


def test_a_journal_of_two_boots_is_read_by_the_kernel_above_each_line() -> None:
    """From 6.15 on -16 is said of a full area too, before that of pages alone that did not move."""
    old, new = LINUX.format("6.1.0-18-amd64"), LINUX.format("6.18.3-amd64")
    rules = {
        old + CMA_BUSY + new: "cma-pages-busy",
        old + new + CMA_BUSY: "cma-full-or-busy",
        new + old + CMA_BUSY: "cma-pages-busy",
        new + CMA_BUSY: "cma-full-or-busy",
        CMA_BUSY + new: "cma-full-or-busy",
        CMA_BUSY + old + new: said(CMA_BUSY).findings[0].verdict.rule,
    }
    assert {text: said(text).findings[0].verdict.rule for text in rules} == rules
    both = said(old + CMA_BUSY + new + CMA_BUSY)
    assert [one.verdict.rule for one in both.findings] == ["cma-pages-busy", "cma-full-or-busy"]
    assert (both.release, both.releases) == ("", ("6.1.0-18-amd64", "6.18.3-amd64"))
    assert "Several kernels" in shown(both)
    assert diagnose(old + CMA_BUSY + new, signatures(), "6.18.3").findings[0].verdict.rule == "cma-full-or-busy"


def test_one_kernel_that_is_named_twice_or_cut_is_one() -> None:
    twice = said(LINUX.format("6.18.3-amd64") + LINUX.format("6.18.3-amd64") + LINUX.format("6.18.3-am") + CMA_BUSY)
    assert twice.release == "6.18.3-amd64"


def test_a_hung_task_has_its_kernel_in_its_own_lines() -> None:
    text = DRAINS.replace("6.6.30-generic", "6.1.0-18-amd64") + LINUX.format("6.18.3-amd64")
    (task,) = [one for one in said(text).records if one.kind == "task"]
    assert Boots(said(text).records).release_of(task) == "6.1.0-18-amd64"
