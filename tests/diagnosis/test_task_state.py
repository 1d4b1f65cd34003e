"""What a task was at, by whatever stands above and in its trace; and that nobody is said to sleep who did not."""

from __future__ import annotations

import pytest

from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.rules import task_state
from diagnosis.rules.verdict import Diagnosis

TRACE = """ {top}folio_wait_bit_common+0x131/0x340
 folio_wait_writeback+0x2b/0xa0
 migrate_pages_batch+0x6f4/0xcc0
 migrate_pages+0xc13/0xe10
 compact_zone+0x5f1/0x870
 kcompactd+0x33b/0x5f0
"""
SCHEDULED = TRACE.format(top="io_schedule+0x46/0x70\n ")
PLAIN = TRACE.format(top="")
NEW = "task:kcompactd0      state:{}{:<10}stack:0     pid:44    ppid:2      flags:0x00004000\nCall Trace:\n"
COMM = "CPU: 3 PID: 44 Comm: kcompactd0 Not tainted 6.6.1 #1\n"
WORDS = "  ffff8801b7adbaf8 ffff880134d5b880 ffff8801b698d4c0 ffff8801b7adc000\n" * 2

CONTEXTS: dict[str, tuple[str, str]] = {
    "hung task": ("INFO: task kcompactd0:44 blocked for more than 120 seconds.\nCall Trace:\n" + PLAIN, "blocked"),
    "state D": (NEW.format("D", "") + PLAIN, "blocked"),
    "state R": (NEW.format("R", "  running task") + SCHEDULED, "running"),
    "state S": (NEW.format("S", "") + SCHEDULED, "unknown"),
    "state I": (NEW.format("I", "") + SCHEDULED, "unknown"),
    "state Z": (NEW.format("Z", "") + SCHEDULED, "dead"),
    "5.4, D": ("kcompactd0      D    0    44      2 0x80000000\nCall Trace:\n" + PLAIN, "blocked"),
    "5.4, R": ("kcompactd0      R  running task        0    44      2 0x80000000\n"
    "Call Trace:\n" + SCHEDULED, "running"),
    "4.4, D, with words of the stack": (
        "kcompactd0      D ffff8801b7adbaf8     0    44      2 0x00000000\n" + WORDS + "Call Trace:\n" + PLAIN,
        "blocked",
    ),
    "a name with a blank": ("Web Content     D    0    44      2 0x00000320\nCall Trace:\n" + PLAIN, "blocked"),
    "a header that is cut": ("task:kcompactd0      sta\nCall Trace:\n" + SCHEDULED, "unknown"),
    "no header, the scheduler innermost": (SCHEDULED, "blocked"),
    "no header, no scheduler": (PLAIN, "unknown"),
    "put off its CPU": (
        TRACE.format(top="__schedule+0x1/0x9\n preempt_schedule_common+0x1/0x9\n __cond_resched+0x1/0x9\n "),
        "running",
    ),
    "/proc/PID/stack": (PLAIN.replace(" folio_wait_bit", "[<0>] folio_wait_bit", 1), "blocked"),
    "/proc/PID/stack of who waits for nothing": (
        "[<0>] migrate_pages_batch+0x6f4/0xcc0\n[<0>] migrate_pages+0x1/0x2\n[<0>] compact_zone+0x5f1/0x870\n",
        "unknown",
    ),
    "who is on a CPU": (COMM + "Call Trace:\n" + SCHEDULED, "running"),
    "a program counter": ("RIP: 0010:list_del+0x1/0x9\nCall Trace:\n" + SCHEDULED, "running"),
    "user space's program counter": (
        NEW.format("D", "") + PLAIN + " entry_SYSCALL_64_after_hwframe+0x6/0xe\nRIP: 0033:0x7f1\n",
        "blocked",
    ),
    "arm64's program counter": ("pc : list_del+0x10/0x20\nlr : foo+0x1/0x9\nsp : ffff8000\n" + SCHEDULED, "running"),
    "an oops": ("BUG: kernel NULL pointer dereference, address: 8\n" + COMM + "Call Trace:\n" + SCHEDULED, "running"),
    "sleeps where it must not": (
        "BUG: sleeping function called from invalid context at mm/filemap.c:1307\nin_atomic(): 1, irqs_disabled(): 0\n"
        + COMM + "Call Trace:\n dump_stack_lvl+0x1/0x9\n" + SCHEDULED, "running"),
    "scheduling while atomic": ("BUG: scheduling while atomic: kcompactd0/44/0x2\n"
    "Call Trace:\n" + SCHEDULED, "running"),
    "an RCU stall": ("rcu: INFO: rcu_sched self-detected stall on CPU\nCall Trace:\n" + SCHEDULED, "running"),
    "a warning": ("WARNING: CPU: 1 PID: 44 at mm/migrate.c:1 foo+0x1/0x2\nCall Trace:\n" + SCHEDULED, "running"),
    "lockdep's chain": ("-> #1 (&mapping->i_mmap_rwsem){++++}-{3:3}:\n" + SCHEDULED, "running"),
    "in an interrupt": (" <IRQ>\n foo+0x1/0x9\n </IRQ>\n" + SCHEDULED, "interrupted"),
    "an interrupt by its entry": (" foo+0x1/0x9\n asm_sysvec_apic_timer_interrupt+0x1/0x9\n" + PLAIN, "interrupted"),
    "an oops right above a state": (
        "Oops: 0002 [#1] SMP\n" + NEW.format("D", "") + PLAIN, "unknown"),
    "a sample of perf": (
        "\n".join(f"\tffffffff811f1c2a{line} ([kernel.kallsyms])" for line in SCHEDULED.splitlines()), "unknown"),
    "dead": (NEW.format("D", "") + PLAIN + "note: kcompactd0[44] exited with preempt_count 1\n", "dead"),
    "crash": (
        'PID: 44       TASK: ffff9c0d4a5d8000  CPU: 3    COMMAND: "kcompactd0"\n #0 [ffff] __schedule at ffffffffab5a\n'
        " #1 [ffffb8d4c0a7fb60] folio_wait_bit_common at ffffffffaacb6b3d\n"
        " #2 [ffffb8d4c0a7fbf0] folio_wait_writeback at ffffffffaacc9a6c\n"
        " #3 [ffffb8d4c0a7fc08] migrate_pages_batch at ffffffffaadb3f0e\n", "blocked"),
    "crash, on a CPU": (
        'PID: 44       TASK: ffff9c0d4a5d8000  CPU: 3    COMMAND: "kcompactd0"\n'
        " #0 [fffffe00] crash_nmi_callback at ffffffff89a5ad1b\n"
        "    [exception RIP: native_queued_spin_lock_slowpath+100]\n"
        " #3 [ffffb8d4c0a7fc08] migrate_pages_batch at ffffffffaadb3f0e\n", "running"),
}  # fmt: skip
DRESSES = {
    "as it is": "{text}",
    "stamps": "[  100.{n:06}] {text}",
    "thread": "[  100.{n:06}][   T44] {text}",
    "CPU": "[  100.{n:06}][    C3] {text}",
    "dmesg -T": "[Mon Nov 23 00:12:01 2026] {text}",
    "journal": "Nov 23 00:12:01 box kernel: {text}",
    "cat -n": "{n:6}\t{text}",
    "a paste site": "{n}. {text}",
}


def said(text: str) -> Diagnosis:
    return diagnose(text, signatures())


@pytest.mark.parametrize("name", CONTEXTS)
def test_what_a_task_was_at(name: str) -> None:
    text, context = CONTEXTS[name]
    (task,) = [record for record in said(text).records if record.kind == "task"]
    assert task_state.context(task) == context


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("name", CONTEXTS)
def test_only_who_was_blocked_is_said_to_sleep_in_whatever_dress(name: str, dress: str) -> None:
    text, context = CONTEXTS[name]
    lines = [DRESSES[dress].format(n=n, text=line) for n, line in enumerate(text.splitlines(), 1)]
    found = said("\n".join(lines) + "\n")
    sleeping = [one.verdict for one in found.findings if one.verdict.manner == "sleeps_in_d"]
    proved = [one.verdict for one in found.findings if one.verdict.proved]
    assert bool(sleeping) is bool(proved) is (context == "blocked"), found.summary
    assert context in ("blocked", "unknown") or "sleep" not in found.summary


def test_one_record_is_made_of_a_trace_that_ends_in_ret_from_fork() -> None:
    end = " kthread+0xf9/0x210\n ? __pfx_kthread+0x10/0x10\n ret_from_fork+0x25c/0x290\n ? __pfx_kthread+0x10/0x10\n"
    text = NEW.format("D", "") + PLAIN + end + " ret_from_fork_asm+0x1a/0x30\n </TASK>\n"
    assert [len(record.frames) for record in said(text).records if record.kind == "task"] == [10]


BELOW = " move_to_new_folio+0x6b/0x150\n migrate_pages_batch+0x8b1/0xba0\n compact_zone+0x1/0x2\n kcompactd+0x1/0x2\n"
BIT_LOCK = (
    " io_schedule+0x1/0x2\n bit_wait_io+0x1/0x2\n __wait_on_bit_lock+0x1/0x2\n out_of_line_wait_on_bit_lock+0x1/0x2\n"
)


@pytest.mark.parametrize(
    ("frames", "mechanism", "proved"),
    [
        (BIT_LOCK + " __lock_buffer+0x1/0x2\n __buffer_migrate_folio+0x1/0x2\n" + BELOW, "buffer_lock", True),
        (BIT_LOCK + " buffer_migrate_page_norefs+0x1/0x2\n" + BELOW, "buffer_lock", True),
        (BIT_LOCK + " __buffer_migrate_page+0x1/0x2\n" + BELOW, "buffer_lock", True),
        (BIT_LOCK + " __lock_page+0x1/0x2\n" + BELOW[BELOW.index(" migrate_pages_batch"):], "page_lock", True),
        (BIT_LOCK + BELOW[BELOW.index(" migrate_pages_batch"):], "", False),  # a bit, and nothing tells of what
        (BIT_LOCK + " __lock_buffer+0x1/0x2\n foofs_migrate+0x1/0x2\n" + BELOW, "", False),
        (" io_schedule+0x1/0x2\n folio_wait_bit_common+0x1/0x2\n foofs_migrate+0x1/0x2\n" + BELOW, "", False),
        (" io_schedule+0x1/0x2\n folio_wait_bit_common+0x1/0x2\n migrate_pages_batch+0x1/0x2\n compact_zone+0x1/0x2\n",
         "page_lock", True),
        (" io_schedule+0x1/0x2\n folio_wait_bit_common+0x1/0x2\n ? folio_wait_writeback+0x1/0x2\n"
         " migrate_pages_batch+0x1/0x2\n compact_zone+0x1/0x2\n", "page_lock", False),
        (" io_schedule+0x1/0x2\n folio_wait_bit_common+0x1/0x2\n folio_wait_private_2+0x1/0x2\n"
        " nfs_migrate_folio+0x1/0x2\n"
         + BELOW, "private_data", True),
        (" schedule+0x1/0x2\n __mutex_lock+0x1/0x2\n drain_all_pages+0x1/0x2\n alloc_contig_range+0x1/0x2\n"
         " cma_alloc+0x1/0x2\n dma_alloc+0x1/0x2\n", "", False),
        (" schedule+0x1/0x2\n __mutex_lock+0x1/0x2\n cma_alloc+0x1/0x2\n dma_alloc+0x1/0x2\n", "waits_on_other", True),
        (" schedule+0x1/0x2\n reclaim_throttle+0x1/0x2\n shrink_inactive_list+0x1/0x2\n shrink_lruvec+0x1/0x2\n",
         "stuck_isolated", False),
    ],
)  # fmt: skip
def test_which_lock_it_is(frames: str, mechanism: str, proved: bool) -> None:
    verdict = said(NEW.format("D", "") + frames).findings[0].verdict
    assert (verdict.mechanism, verdict.proved) == (mechanism, proved)


def test_a_buffers_lock_is_told_from_proc_where_the_state_is() -> None:
    stack = "".join(f"[<0>]{line}\n" for line in (" __buffer_migrate_folio+0x1/0x2\n" + BELOW).splitlines())
    assert said(stack).findings[0].verdict.proved is False
    known = said('inspect: task pid=44 comm="kcompactd0" state=D wchan=__buffer_migrate_folio\n' + stack).findings[0]
    assert (known.verdict.mechanism, known.verdict.proved) == ("buffer_lock", True)
    assert [one.case for one in known.candidates] == ["locked-buffer", "userspace-block-device"]


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        ("watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [kcompactd0:44]\n", "compacts", "kept its CPU for 22 s"),
        ("INFO: task kcompactd0:44 blocked for more than 120 seconds.\n", "sleeps-elsewhere", "more than 120 s"),
        (NEW.format("D", "") + " schedule+0x1/0x2\n __flush_work+0x1/0x2\n drain_all_pages+0x1/0x2\n"
         " __alloc_pages_slowpath+0x1/0x2\n alloc_migration_target+0x1/0x2\n migrate_pages+0x1/0x2\n"
         " kcompactd+0x1/0x2\n",
         "waits-for-others", "until every CPU has emptied"),
        (NEW.format("D", "") + " schedule+0x1/0x2\n wait_for_completion+0x1/0x2\n kthread_stop+0x1/0x2\n"
         " kcompactd_stop+0x1/0x2\n offline_pages+0x1/0x2\n", "sleeps-elsewhere", "sleeps in kthread_stop"),
    ],
)  # fmt: skip
def test_a_mover_that_no_folio_refuses_is_named_as_that(text: str, rule: str, words: str) -> None:
    found = said(text)
    assert (found.findings[0].verdict.rule, found.findings[0].verdict.heading) in (
        (rule, "Sleeps elsewhere"), (rule, "At work"),
    )  # fmt: skip
    assert words in found.summary


def test_the_watchdogs_word_of_any_other_task_alone_says_nothing_of_memory() -> None:
    assert not said("INFO: task bash:44 blocked for more than 120 seconds.\n").findings
