"""What a person is told to do now: by what holds the memory, and by the manner only where that is all."""

from __future__ import annotations

import pytest

from diagnosis.answers.plain import shown
from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures

SLAB = """page: refcount:1 mapcount:0 mapping:0000000000000000 index:0x7f24 pfn:0x23f000
flags: 0x17ffffc0000200(slab|node=0|zone=3|lastcpupid=0x1fffff)
page dumped because: unmovable page
"""
SECRETMEM = """migrating pfn 23f000 failed ret:1
page: refcount:3 mapcount:0 mapping:0000000000000000 index:0x7f24 pfn:0x23f000
aops:secretmem_aops ino:41
flags: 0x17ffffc0000000(node=0|zone=3|lastcpupid=0x1fffff)
page dumped because: migration failure
"""
SOFT_OFFLINE = "soft offline: 0x8ab130: page migration failed 1, type 0x17ffffc0040015(uptodate|lru|swapbacked)\n"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (SLAB, "memory that is not movable"),
        (SECRETMEM, "never lets a folio move"),
        (SOFT_OFFLINE, "try again at any time"),
    ],
)
def test_trying_again_is_in_vain_only_where_memory_never_moves(text: str, advice: str) -> None:
    assert advice in diagnose(text, signatures()).now[0].text


CMA_BUSY = "cma: cma_alloc: reserved: alloc failed, req-size: 2048 pages, ret: -16\n"
HUNG = """[<0>] folio_wait_writeback+0x2b/0x80
[<0>] migrate_pages_batch+0x37c/0xb80
[<0>] offline_pages+0x3ed/0x520
"""
UDEV = """task:systemd-udevd   state:D stack:0     pid:910   ppid:1      flags:0x00000002
Call Trace:
 __mutex_lock.constprop.0+0x3a9/0x710
 lock_device_hotplug+0x17/0x20
 online_store+0x3b/0xa0
"""


def test_nobody_is_told_to_interrupt_an_allocation_that_came_back() -> None:
    now = diagnose("Linux version 6.1.0-18-amd64 \n" + CMA_BUSY, signatures()).now
    assert len(now) == 1
    assert "is over" in now[0].text and "Ctrl-C" not in now[0].text


def test_of_several_each_says_of_which_mover_it_speaks() -> None:
    now = [reason.text for reason in diagnose("Linux version 6.1.0-18-amd64 \n" + CMA_BUSY + HUNG, signatures()).now]
    assert [text.split(" ")[0] for text in now] == ["(offline)", "(CMA)"]


def test_who_reads_only_the_first_lines_is_told_that_there_is_more() -> None:
    both = "Linux version 6.1.0-18-amd64 \n" + CMA_BUSY + HUNG
    assert "That is not all: 1 more finding below." in shown(diagnose(both, signatures()))
    assert "That is not all" not in shown(diagnose(HUNG, signatures()))


def test_who_waits_for_the_hotplug_lock_proves_no_mover() -> None:
    """Adding memory or a CPU takes it too."""
    made = diagnose(UDEV, signatures())
    assert (made.findings[0].verdict.mechanism, made.findings[0].verdict.proved) == ("waits_on_other", False)
    assert "not the cause" in made.now[0].text
    writer = UDEV.replace("lock_device_hotplug", "mem_hotplug_begin").replace("__mutex_lock", "percpu_down_write")
    assert "for reading" in diagnose(writer, signatures()).findings[0].verdict.unknown[0]


def test_a_refused_write_asks_for_the_log_and_the_zone() -> None:
    wrote = "# echo offline > /sys/devices/system/memory/memory41/state\n"
    made = diagnose(wrote + "-bash: echo: write error: Device or resource busy\n", signatures())
    assert "never movable" in made.now[0].text
    assert "valid_zones" in made.capture[0].run


def test_a_page_that_an_allocation_could_not_move_is_no_matter_for_ctrl_c() -> None:
    dumped = CMA_BUSY + SECRETMEM.split("\n", 1)[1].replace("secretmem_aops", "xfs_address_space_operations")
    now = diagnose("Linux version 6.1.0-18-amd64 \n" + dumped, signatures()).now
    assert not [reason.text for reason in now if "Ctrl-C" in reason.text]


@pytest.mark.parametrize(
    "text", ["", "\n \n", "-- No entries --\n", "-- Logs begin at Mon, end at Fri. --\n-- No entries --\n"]
)
def test_a_text_without_a_word_is_told_apart_from_one_that_says_nothing_known(text: str) -> None:
    assert "whatever was to write it wrote nothing" in diagnose(text, signatures()).summary
    assert "whatever was" not in diagnose(text + "usb 1-1: new device\n", signatures()).summary
    assert "whatever was" not in diagnose("\n" * 20 + "usb 1-1: new device\n", signatures()).summary


def test_who_inspected_while_nothing_was_wrong_is_told_to_do_it_again() -> None:
    quiet = "inspect: kernel release=6.18.44 machine=x86_64 uid=0\ninspect: tasks in_d=0\ninspect: pins now=0\n"
    (again,) = diagnose(quiet, signatures()).capture
    assert "while the mover is at it" in again.tells
