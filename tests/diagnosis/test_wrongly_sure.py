"""What looked like a proof and was none, by kinds of pasted text; beside each what nearly looks so and is one."""

from __future__ import annotations

import pytest

from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.rules.verdict import Diagnosis, Finding

HEADER = (
    "INFO: task kcompactd1:61 blocked for more than 120 seconds.\n      Not tainted 6.8.0-41-generic #41\n"
    "task:kcompactd1      state:D stack:0     pid:61    tgid:61    ppid:2      flags:0x00004000\nCall Trace:\n"
)
SLEEPS = " __schedule+0x2d1/0x8f0\n schedule+0x2c/0xf0\n io_schedule+0x44/0x70\n"
MOVES = (
    " migrate_pages_batch+0x5f1/0xb40\n migrate_pages+0xb12/0xd00\n compact_zone+0x7c1/0xe40\n kcompactd+0x371/0x440\n"
)


def said(text: str, release: str = "") -> Diagnosis:
    return diagnose(text, signatures(), release)


def first(text: str) -> Finding:
    return said(text).findings[0]


COPIES = (
    " dump_stack_lvl+0x4c/0x70\n __might_resched+0x15a/0x1b0\n folio_mc_copy+0x52/0xc0\n"
    " __buffer_migrate_folio+0x2a1/0x2f0\n buffer_migrate_folio_norefs+0x16/0x30\n move_to_new_folio+0x91/0x1e0\n"
) + MOVES
COMPLAINT = (
    "BUG: sleeping function called from invalid context at mm/util.c:731\nin_atomic(): 1, pid: 61, name: kcompactd1\n"
)
COMM = "CPU: 2 UID: 0 PID: 61 Comm: kcompactd1 Not tainted 6.15.0-rc1 #7 PREEMPT\nCall Trace:\n"


@pytest.mark.parametrize(
    "above",
    [
        COMPLAINT + COMM,
        COMPLAINT + "Preemption disabled at:\n[<ffffffd0802a1c98>] __buffer_migrate_folio+0xb1/0x2f0\n" + COMM,
        "".join("00731 " + line + "\n" for line in COMPLAINT.splitlines()) + COMM,
        "WARNING: CPU: 2 PID: 61 at mm/migrate.c:811\n__buffer_migrate_folio+0x2a1/0x2f0\n" + COMM,
        "WARNING: CPU: 2 PID: 61 at mm/migrate.c:811 __buffer_migrate_folio+0x2a1/0x2f0\n" + COMM,
        "-> #1 (&mapping->i_private_lock){+.+.}-{3:3}:\n",
    ],
)
def test_who_ran_in_the_operation_on_buffers_proves_no_locked_buffer(above: str) -> None:
    found = first(above + COPIES)
    assert (found.verdict.rule, found.verdict.proved) == ("kernel-error", False)
    assert not [one.case for one in found.candidates if one.is_proved]


def test_who_sleeps_for_a_buffer_proves_the_locked_buffer() -> None:
    text = HEADER + SLEEPS + " bit_wait_io+0x11/0x60\n __wait_on_bit_lock+0x5b/0xb0\n __lock_buffer+0x2b/0x30\n"
    found = first(text + COPIES[COPIES.index(" __buffer_migrate_folio"):])  # fmt: skip
    assert (found.verdict.rule, found.verdict.proved) == ("waits-for-buffer-lock", True)
    assert [one.case for one in found.candidates if one.is_proved] == ["locked-buffer"]


def test_a_page_that_was_dumped_for_something_else_proves_nobody() -> None:
    dump = (
        "page:00000000a1b2c3d4 refcount:2 mapcount:0 mapping:00000000d4c3b2a1 index:0x3 pfn:0x1c5a7\n"
        "aops:secretmem_aops ino:5\nflags: 0x17ffffc0000001(locked|node=0|zone=2)\npage dumped because: {}\n"
    )
    proved = {reason: [one.is_proved for one in first(dump.format(reason)).candidates] for reason in (
        "VM_BUG_ON_FOLIO(folio_test_lru(folio))", "migration failure")}  # fmt: skip
    assert True not in proved["VM_BUG_ON_FOLIO(folio_test_lru(folio))"]
    assert True in proved["migration failure"]


@pytest.mark.parametrize("lead", ["", "Nov 02 20:27:11 box kernel: ", "[  880.123456] "])
def test_a_question_mark_that_a_mailer_left_on_the_line_above_still_marks_a_guess(lead: str) -> None:
    guess = f"{lead} ?\nfolio_wait_writeback+0x2d/0x80\n"
    lines = [lead + line + "\n" for line in (HEADER + SLEEPS + " folio_wait_bit_common+0x133/0x350").splitlines()]
    text = "".join(lines) + guess + "".join(lead + line + "\n" for line in MOVES.splitlines())
    task = next(one for one in said(text).records if one.kind == "task")
    assert [one.function for one in task.frames if one.unsure] == ["folio_wait_writeback"]
    assert not first(text).verdict.proved
    whole = text.replace("?\nfolio", "folio")
    assert (first(whole).verdict.mechanism, first(whole).verdict.proved) == ("writeback", True)


def test_the_padding_of_a_function_is_always_a_guess() -> None:
    text = HEADER + SLEEPS + " folio_wait_bit_common+0x133/0x350\n __pfx_wake_page_function+0x10/0x10\n" + MOVES
    assert (first(text).verdict.mechanism, first(text).verdict.proved) == ("page_lock", True)


DECODED = (
    "__schedule (kernel/sched/core.c:5311 kernel/sched/core.c:6702)\n"
    "io_schedule (kernel/sched/core.c:9007 (discriminator 1) kernel/sched/core.c:9033 (discriminator 1))\n"
    "folio_wait_bit_common (mm/filemap.c:1270 (discriminator 4))\n"
    "? __pfx_wake_page_function (mm/filemap.c:1088)\n"
    "{}migrate_pages_batch (./include/linux/pagemap.h:1040 mm/migrate.c:1480 mm/migrate.c:1694)\n"
    "migrate_pages (mm/migrate.c:1840 mm/migrate.c:1944)\n"
    "? _raw_spin_unlock (??:?)\n"
    "compact_zone (mm/compaction.c:2655)\n"
    "kcompactd (./include/linux/mmzone.h:1498 mm/compaction.c:2250 mm/compaction.c:3215)\n"
)


@pytest.mark.parametrize(
    ("between", "mechanism", "proved"),
    [
        ("", "page_lock", True),
        ("folio_wait_writeback (./arch/x86/include/asm/bitops.h:206 mm/page-writeback.c:3110)\n", "writeback", True),
        ("nfs_wb_folio (fs/nfs/write.c:2011 fs/nfs/write.c:2098) nfs\n", "private_data", True),
        ("foofs_migrate (fs/foofs/file.c:11) foofs\n", "", False),
    ],
)
def test_a_trace_with_all_places_of_inlined_functions_is_read(between: str, mechanism: str, proved: bool) -> None:
    verdict = first(HEADER + DECODED.format(between)).verdict
    assert (verdict.mechanism, verdict.proved) == (mechanism, proved)


def test_a_mover_that_waits_for_some_folio_is_not_said_to_sleep_for_something_else() -> None:
    found = first(HEADER + SLEEPS + " folio_wait_bit_common+0x133/0x350\n foofs_migrate+0x21/0x90\n" + MOVES)
    assert (found.verdict.rule, found.verdict.heading) == ("waits-for-some-folio", "Waits for a folio")
    assert "No line shows" not in found.verdict.sentence


NOTIFIER = (
    " __schedule+0x2d1/0x8f0\n schedule+0x2c/0xf0\n{} mmput+0x51/0x130\n drv_ranges_invalidate+0x2a/0x40 [drv]\n"
    " mn_itree_invalidate+0x71/0xc0\n __mmu_notifier_invalidate_range_start+0x44/0x60\n"
    " try_to_migrate_one+0x7f1/0xc40\n rmap_walk_anon+0x151/0x2c0\n try_to_migrate+0xc7/0x110\n"
)


@pytest.mark.parametrize(
    "waits",
    [
        " rwsem_down_write_slowpath+0x241/0x4d0\n unlink_anon_vmas+0xb2/0x1d0\n exit_mmap+0xb1/0x1b0\n",
        " io_schedule+0x44/0x70\n folio_wait_bit_common+0x133/0x350\n folio_wait_writeback+0x2d/0x80\n",
        " io_schedule+0x44/0x70\n folio_wait_bit_common+0x133/0x350\n __folio_lock+0x17/0x20\n",
    ],
)
def test_a_driver_that_sleeps_in_its_notifier_is_neither_the_mappings_lock_nor_the_folio(waits: str) -> None:
    verdict = first(HEADER + NOTIFIER.format(waits) + MOVES).verdict
    assert not verdict.proved and not verdict.mechanism
    assert "driver" in verdict.sentence


@pytest.mark.parametrize(
    ("between", "proved"),
    [("", True), (" folio_lock_anon_vma_read+0x171/0x1f0\n", True), (" foo_range_end+0x10/0x20\n", False)],
)
def test_the_lock_of_the_mappings_is_what_the_walk_itself_took(between: str, proved: bool) -> None:
    walk = " rwsem_down_read_slowpath+0x241/0x4d0\n down_read+0x4b/0xb0\n" + between + " rmap_walk_anon+0x151/0x2c0\n"
    verdict = first(HEADER + " schedule+0x2c/0xf0\n" + walk + " try_to_migrate+0xc7/0x110\n" + MOVES).verdict
    assert (verdict.rule == "waits-for-mappings") is verdict.proved is proved


WAITS = SLEEPS + " folio_wait_bit_common+0x133/0x350\n folio_wait_writeback+0x2d/0x80\n" + MOVES


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("Pid: 61, comm: kcompactd1 Tainted: P           O 3.5.0-54-generic #81\nCall Trace:\n", ""),
        ("Process kcompactd1 (pid: 61, threadinfo ffff88021a2c4000, task ffff88021b5d1700)\nCall Trace:\n", ""),
        ("epc   : 8012a5c4 list_del+0x20/0x48\nCall Trace:\n", ""),
        (" ERA: 9000000000a1b2c4 list_del+0x20/0x48\nCall Trace:\n", ""),
        ("TPC: <list_del+0x20/0x48>\nCall Trace:\n", ""),
        (" IAOQ[0]: list_del+0x20/0x48\nBacktrace:\n", ""),
        ("Call Trace:\n", "Modules linked in: foo\n---[ end trace 0000000000000000 ]---\n"),
    ],
)
def test_who_ran_is_told_by_what_is_left_of_an_oops(above: str, below: str) -> None:
    assert first("Call Trace:\n" + WAITS).verdict.proved  # nothing else tells that it ran
    assert not [one for one in said(above + WAITS + below).findings if one.verdict.proved or "sleeps" in
                one.verdict.sentence]  # fmt: skip


def test_the_end_of_anothers_oops_does_not_wake_who_is_known_to_sleep() -> None:
    assert first(HEADER + WAITS + "---[ end trace 0000000000000000 ]---\n").verdict.proved


@pytest.mark.parametrize(
    ("frames", "rule", "words"),
    [
        (" __lock_page+0xf1/0x130\n write_cache_pages+0x2c1/0x4a0\n fuse_writepages+0x81/0xe0 [fuse]\n",
         "bystander-server", "until a folio of a file system of FUSE is unlocked"),
        (" folio_wait_writeback+0x2d/0x80\n fuse_do_truncate+0x10/0x20\n", "bystander-server", "FUSE is written"),
        (" request_wait_answer+0x121/0x210 [fuse]\n fuse_lookup+0x10/0x20\n", "bystander-server", "server of a"),
        (" folio_wait_bit_common+0x133/0x350\n folio_wait_writeback+0x2d/0x80\n truncate_inode_pages_range+0x1/0x2\n",
         "bystander-folio", "until a folio's writeback ends. It moves nothing"),
        (" folio_wait_bit_common+0x133/0x350\n extent_write_cache_pages+0x1/0x2 [btrfs]\n", "bystander-folio",
         "its lock, or"),
    ],
)  # fmt: skip
def test_who_waits_for_a_folio_and_moves_none_is_named_as_that(frames: str, rule: str, words: str) -> None:
    text = HEADER.replace("kcompactd1", "tar") + " schedule+0x2c/0xf0\n" + frames + " vfs_write+0x1/0x2\n"
    verdict = first(text).verdict
    assert (verdict.rule, verdict.proved, verdict.mechanism) == (rule, False, "")
    assert words in verdict.sentence


def test_a_request_that_was_sent_to_fuse_is_a_wait_where_it_is_innermost() -> None:
    crash = 'PID: 311  TASK: ffff9a01  CPU: 7   COMMAND: "worker"\n #0 [ffffa1] __schedule at ffffffff9196\n'
    crash += " #1 [ffffa2] schedule at ffffffff9197\n"
    sent = (
        " #2 [ffffa3] __fuse_request_send at ffffffffc09d [fuse]\n #3 [ffffa4] fuse_direct_io at ffffffffc09e [fuse]\n"
    )
    assert first(crash + sent).verdict.rule == "bystander-server"
    assert not said(
        crash + " #2 [ffffa2] foo_wait at ffffffff9198\n" + sent.replace("#3", "#4").replace("#2", "#3")
    ).findings


def test_a_page_that_was_never_set_up_is_not_called_a_cut_dump() -> None:
    text = "page:ffffea0003000000 is uninitialized and poisoned\nraw: ffffffffffffffff ffffffffffffffff\n"
    assert "cut short" not in first(text).verdict.sentence and not first(text).verdict.proved
