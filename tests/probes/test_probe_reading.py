"""What is read of the kernel: zones, mounts, options, FUSE requests."""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
import time

import pytest

from probes.children import processes
from probes.children.processes import Child, Lines
from probes.errors import Disturbed
from probes.kernel import facts, nodes, pages, zones
from probes.movers import arena, attempts
from probes.servers.fuse import mount, protocol
from probes.servers.fuse.hold import FuseHold
from probes.servers.fuse.server import Plan, Server

ZONEINFO = """Node 0, zone    DMA32
  pages free     100
        spanned  1044480
        present  782336
  start_pfn:           4096
Node 0, zone   Normal
        spanned  131072
  start_pfn:           1048576
Node 1, zone   Normal
        spanned  200000
  start_pfn:           1179648
Node 1, zone  Movable
        spanned  65536
  start_pfn:           1310720
Node 1, zone   Device
        spanned  0
  start_pfn:           0
"""


def test_zones_that_span_nothing_are_left_out() -> None:
    assert [(zone.node, zone.name) for zone in zones.parse(ZONEINFO)] == [
        (0, "DMA32"),
        (0, "Normal"),
        (1, "Normal"),
        (1, "Movable"),
    ]


@pytest.mark.parametrize(
    "frames, area",
    [
        ([4096], "migrate_movable"),
        ([1048575], "migrate_movable"),  # in a hole between zones
        ([1310720], "migrate_movable"),  # inside the spans of two zones
        ([], "migrate_movable"),
    ],
)
def test_what_is_not_provably_movable_zone_is_not_called_so(frames: list[int], area: str) -> None:
    assert zones.area(frames, zones.parse(ZONEINFO)) == area


def test_the_movable_zone() -> None:
    alone = [zone for zone in zones.parse(ZONEINFO) if (zone.node, zone.name) != (1, "Normal")]
    assert zones.area([1310720, 1376255], alone) == "zone_movable"
    assert zones.area([1310719, 1376256], alone) == "migrate_movable"


def test_moved_counts_only_what_was_somewhere_and_is_elsewhere() -> None:
    assert pages.moved([1, 2, 3, None, 5], [1, 9, None, 4, 6]) == 2


@pytest.mark.parametrize("text, found", [("0", [0]), ("0-2,5", [0, 1, 2, 5]), ("", [])])
def test_node_lists(text: str, found: list[int]) -> None:
    assert nodes.parse_list(text) == found


def test_only_what_changed_is_told() -> None:
    assert attempts.difference({"a": 1, "b": 2}, {"a": 1, "b": 5, "c": 7}) == {"b": 3}


def test_options_that_are_not_set_are_absent() -> None:
    lines = [
        "CONFIG_CMA=y",
        "# CONFIG_NUMA is not set",
        "CONFIG_PREEMPT_DYNAMIC=y",
        "CONFIG_NUMA_BALANCING=y",
        'CONFIG_FUSE_FS="m"',
    ]
    assert facts.options(lines) == {"CONFIG_CMA": "y", "CONFIG_PREEMPT_DYNAMIC": "y", "CONFIG_FUSE_FS": "m"}


def test_a_sysctl_that_is_not_there_is_absent() -> None:
    assert facts.sysctl("kernel.no_such_thing") == []
    assert isinstance(facts.sysctl("kernel.pid_max")[0], int)


MOUNTINFO = """22 27 0:21 / /proc rw,nosuid shared:5 - proc proc rw
90 27 0:41 / /mnt rw,relatime - fuse other rw
91 90 0:52 / /mnt rw,relatime shared:7 master:1 - fuse unmigratable rw,user_id=0
"""


def test_the_topmost_mount_has_the_number() -> None:
    assert mount.parse_mountinfo(MOUNTINFO, "/mnt") == 52
    assert mount.parse_mountinfo(MOUNTINFO, "/proc") is None


FILE = protocol.File(size_bytes=8192, writeback_cache=True, max_readahead_bytes=4096)


def request(opcode: int, body: bytes = b"", node: int = 2) -> protocol.Request:
    head = struct.pack("<IIQQIIII", 40 + len(body), opcode, 77, node, 0, 0, 0, 0)
    return protocol.parse(head + body)


def test_init_takes_no_more_than_the_kernel_offers() -> None:
    made = protocol.reply(
        request(protocol.INIT, struct.pack("<4I", 7, 45, 1 << 17, protocol.WRITEBACK_CACHE | 1 << 5)), FILE, 0
    )
    assert made is not None and len(made) == 16 + 64
    assert struct.unpack_from("<4I", made, 16) == (7, 31, 4096, protocol.WRITEBACK_CACHE | 1 << 5)


def test_a_reply_carries_its_length_and_the_request() -> None:
    made = protocol.reply(request(protocol.GETATTR), FILE, 0)
    assert made is not None
    assert struct.unpack_from("<IiQ", made) == (len(made), 0, 77)
    assert struct.unpack_from("<QQ", made, 32) == (2, 8192)


@pytest.mark.parametrize("offset, size, expected", [(0, 4096, 4096), (4096, 8192, 4096), (8192, 4096, 0), (9000, 1, 0)])
def test_a_read_ends_with_the_file(offset: int, size: int, expected: int) -> None:
    made = protocol.reply(request(protocol.READ, struct.pack("<QQI", 1, offset, size)), FILE, 0)
    assert made is not None and made[16:] == bytes(expected)


def test_a_write_is_taken_whole() -> None:
    made = protocol.reply(request(protocol.WRITE, struct.pack("<QQI", 1, 0, 4096)), FILE, 0)
    assert made is not None and struct.unpack_from("<I", made, 16)[0] == 4096


@pytest.mark.parametrize("name, error", [(b"f\0", 0), (b"g\0", -2), (b"\0", -2)])
def test_there_is_one_file(name: bytes, error: int) -> None:
    made = protocol.reply(request(protocol.LOOKUP, name, node=1), FILE, 0)
    assert made is not None and struct.unpack_from("<i", made, 4)[0] == error


def test_what_expects_no_reply_gets_none_and_what_is_unknown_gets_enosys() -> None:
    assert protocol.reply(request(protocol.FORGET), FILE, 0) is None
    made = protocol.reply(request(4095), FILE, 0)
    assert made is not None and struct.unpack_from("<i", made, 4)[0] == -38


def test_a_child_that_ends_is_seen_to_exit() -> None:
    child = processes.start("unmig-test", lambda: time.sleep(30), [])
    assert not processes.exiting(child.pid)
    assert not child.ended()
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait(5)
    assert processes.exiting(child.pid)
    assert child.how_it_ended() == "signal 9"


def test_a_child_has_nothing_but_what_it_was_given() -> None:
    reading, writing = os.pipe()
    secret = os.open("/dev/null", os.O_RDONLY)

    def tell() -> None:
        open_fds = [fd for fd in map(int, os.listdir("/proc/self/fd")) if os.path.exists(f"/proc/self/fd/{fd}")]
        processes.Lines(writing).send(
            {"has_secret": secret in open_fds and os.readlink(f"/proc/self/fd/{secret}") == "/dev/null"}
        )

    child = processes.start("unmig-test", tell, [writing])
    os.close(writing)
    lines = processes.Lines(reading)
    told = []
    while not lines.closed:
        told += lines.receive(5)
    assert child.wait(5)
    os.close(reading)
    os.close(secret)
    assert told == [{"has_secret": False}]


def test_lines_survive_being_cut() -> None:
    reading, writing = os.pipe()
    lines = processes.Lines(reading)
    os.write(writing, b'{"a": 1}\n{"b"')
    assert lines.receive(1) == [{"a": 1}]
    os.write(writing, b": 2}\n")
    assert lines.receive(1) == [{"b": 2}]
    os.close(writing)
    assert lines.receive(1) == [] and lines.closed
    os.close(reading)


def test_frames_in_pageblocks_of_others_are_not_staged() -> None:
    few = [(frame, frame) for frame in range(7)]
    half = [(frame, frame) for frame in range(16, 24)]
    whole = [(frame, frame) for frame in range(32, 48)]
    assert arena.in_own_blocks(few + half + whole, 16) == half + whole
    assert arena.in_own_blocks(few, 16) == few


# A connection that the kernel ends


@pytest.mark.parametrize("number, told", [(errno.ENODEV, True), (errno.ECONNABORTED, True), (errno.EPERM, False)])
def test_a_server_tells_that_the_kernel_ended_it_over_a_request(number: int, told: bool) -> None:
    probe, server = socket.socketpair()
    with probe, server:
        serving = Server(Plan("/nowhere", FILE, server.fileno(), -1, os.getpid(), 5.0, 5.0), server.fileno())
        serving.poll.register(server.fileno())
        control, gone = Lines(server.fileno()), OSError(number, "made up")
        assert not serving._aborted(gone, control)  # nothing is withheld: it is the end of the server
        serving.withheld = [request(protocol.READ, b"")]
        assert serving._aborted(gone, control) is told
        assert (serving.withheld == []) is told
        assert (serving.poll.poll(0) == []) is told  # what has ended is not asked again
        probe.setblocking(False)
        assert not told or b"aborted" in probe.recv(100)


@pytest.mark.parametrize("minds_no_abort", [True, False])
def test_an_ended_connection_is_an_answer_to_some_cases_alone(minds_no_abort: bool) -> None:
    (control, of_server), (watch, of_watcher) = socket.socketpair(), socket.socketpair()
    with control, of_server, watch, of_watcher:
        child = Child(os.getpid(), "none")
        held = FuseHold(Lines(control.fileno()), child, Lines(watch.fileno()), child, "/nowhere")
        held.minds_no_abort = minds_no_abort
        assert held.facts() == {}
        Lines(of_server.fileno()).send({"aborted": True})
        if minds_no_abort:
            held.check()
            assert held.facts() == {"connection_ended_by_kernel": True}
        else:
            with pytest.raises(Disturbed, match="ended the connection"):
                held.check()
