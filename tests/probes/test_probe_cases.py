"""What every case says of itself, and the parts that need no kernel: messages of 9P and block devices, folio sizes."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from diagnosis.words import vocabulary
from probes.cases import CASES, bh_refs_blockdev, shmem_swapcache_refcount, split_dirty_iomap
from probes.cases.netfs_unresponsive_server import NetfsUnresponsiveServer, NetfsWriteback
from probes.cases.split_dirty_iomap import SplitDirtyIomap
from probes.children.processes import Lines
from probes.command import check
from probes.kernel import loop, pages
from probes.movers import choice
from probes.movers.split import Split
from probes.run.experiment import HOLD_CLASSES, Surroundings, chosen
from probes.servers.nbd import protocol as nbd
from probes.servers.nbd import server as nbd_server
from probes.servers.ninep import protocol
from probes.servers.ninep.protocol import Messages, Request, Served

EVERY = sorted(CASES)
PAGE = 4096


@pytest.mark.parametrize("slug", EVERY)
def test_a_case_says_what_it_does_and_risks(slug: str) -> None:
    case = CASES[slug]
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", case.slug)
    assert case.hold_class in HOLD_CLASSES
    for text in (case.title, case.needs_root, case.will_do, case.side_effects, case.cleans_up):
        assert len(text) > 10
        assert not text.endswith(".")


@pytest.mark.parametrize("slug", EVERY)
def test_its_movers_are_known(slug: str) -> None:
    assert set(CASES[slug].movers) <= set(vocabulary.MOVERS) & set(choice.NAMES)


@pytest.mark.parametrize("slug", EVERY)
def test_an_experiment_that_has_done_nothing_can_be_closed(slug: str) -> None:
    CASES[slug].experiment(Surroundings(1.0, set())).close()


def test_only_holds_that_let_others_sleep_are_unsafe() -> None:
    unsafe = {slug for slug, case in CASES.items() if not case.safe_on_a_host}
    assert unsafe == {"fuse-writeback", "locked-buffer", "readahead-locked", "netfs-unresponsive-server"}


def test_what_takes_a_whole_node_runs_in_guests_only() -> None:
    machine = check.Machine(True, 2, True, True, None, None, 1 << 29)
    here = check.obstacles(CASES["hugetlb-no-surplus"], machine, 1.0)
    assert len(here) == 1
    assert "--environment guest" in here[0]
    assert check.obstacles(CASES["hugetlb-no-surplus"], machine, 1.0, environment="guest") == []


def test_a_file_system_that_is_not_there_is_said_beforehand() -> None:
    machine = check.Machine(True, 1, True, True, None, None, 1 << 29, "", ("ext4", "xfs"))
    (told,) = check.obstacles(CASES["netfs-unresponsive-server"], machine, 1.0)
    assert "no 9p" in told and "modprobe 9p 9pnet_fd" in told
    assert check.obstacles(CASES["bh-refs-blockdev"], machine, 1.0) == []


def test_what_of_a_network_file_system_is_held_depends_on_the_mover() -> None:
    """move_pages can name mapped pages only, so it is dirty ones; what is read ahead is mapped nowhere."""
    make = CASES["netfs-unresponsive-server"].experiment
    assert isinstance(make(Surroundings(1.0, set(), "move_pages")), NetfsWriteback)
    for mover in ("compaction", "offline", "cma"):
        assert isinstance(make(Surroundings(1.0, set(), mover)), NetfsUnresponsiveServer)


def test_a_file_for_each_block_of_the_inode_table() -> None:
    """16 inodes a block. The first block is the file system's own."""
    inodes = {"a": 12, "b": 17, "c": 16, "d": 32, "e": 33, "f": 97}
    assert bh_refs_blockdev.one_in_each(100, inodes) == {101: "b", 102: "e", 106: "f"}


def test_a_swap_area_is_one_as_mkswap_makes_it(tmp_path: Path) -> None:
    """But for the UUID, the 16 bytes after version, last page and number of bad pages."""
    area = tmp_path / "swap"
    area.write_bytes(bytes(64 * PAGE))
    subprocess.run(["/sbin/mkswap", "-p", str(PAGE), str(area)], check=True, capture_output=True)
    made = bytearray(area.read_bytes()[:PAGE])
    made[1036:1052] = bytes(16)
    assert shmem_swapcache_refcount.header(64) == bytes(made)


def test_the_case_about_splitting_is_measured_by_splitting() -> None:
    assert choice.choose(None, CASES["split-dirty-iomap"].movers) == Split.name
    assert choice.choose("compaction", CASES["split-dirty-iomap"].movers) == "compaction"


@pytest.mark.parametrize("seen, nr_times", [([16], 1), ([0, 15, 16], 3), ([0] * 9, 5)])
def test_folios_that_the_flusher_cleaned_are_dirtied_again(
    seen: list[int], nr_times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = CASES["split-dirty-iomap"].experiment(Surroundings(1.0, set()))
    assert isinstance(made, SplitDirtyIomap)
    made.target = list(range(16))
    dirtied: list[list[int]] = []
    monkeypatch.setattr(split_dirty_iomap, "_DIRTY_SECONDS", 0.0)
    monkeypatch.setattr(made, "_dirty", dirtied.append)
    monkeypatch.setattr(made, "_nr_dirty", lambda: seen.pop(0))
    assert made._keep_dirty() == nr_times
    assert dirtied == [made.target] * nr_times


@pytest.mark.parametrize(
    "flags, size",
    [
        ("", 1),
        ("H", 1),
        ("HT", 2),
        ("HTTTH", 4),
        ("HTT.TT", 3),
        ("T", 0),
        ("B", 0),
    ],
)
def test_the_size_of_a_folio(flags: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bit = {"H": "COMPOUND_HEAD", "T": "COMPOUND_TAIL", "B": "BUDDY"}
    given = [1 << pages.FLAGS[bit[flag]] if flag in bit else 0 for flag in flags]
    monkeypatch.setattr(pages, "flag_bits", lambda frames: (given + [0] * 1024)[:1024])
    assert pages.folio_pages(0x1000) == size


def test_the_loop_device_clears_itself() -> None:
    config = loop._config(7)
    assert len(config) == 304  # sizeof(struct loop_config)
    assert struct.unpack_from("<II", config) == (7, 0)
    assert struct.unpack_from("<I", config, 8 + 5 * 8 + 3 * 4) == (4,)  # lo_flags: LO_FLAGS_AUTOCLEAR


def message(kind: int, tag: int, body: bytes) -> bytes:
    return struct.pack("<IBH", 7 + len(body), kind, tag) + body


def asked(served: Served, kind: int, body: bytes) -> tuple[int, bytes]:
    """The type and the body of the reply."""
    reply = served.reply(Request(kind, 9, body))
    size, answered, tag = struct.unpack_from("<IBH", reply)
    assert (size, tag) == (len(reply), 9)
    return answered, reply[7:]


def test_messages_are_cut_wherever_the_stream_breaks() -> None:
    stream = message(protocol.CLUNK, 1, b"abcd") + message(protocol.READ, 2, b"") + message(protocol.FLUSH, 3, b"xy")
    for place in range(len(stream)):
        messages = Messages()
        found = messages.cut(stream[:place]) + messages.cut(stream[place:])
        assert [(request.type, request.tag, request.body) for request in found] == [
            (protocol.CLUNK, 1, b"abcd"),
            (protocol.READ, 2, b""),
            (protocol.FLUSH, 3, b"xy"),
        ]


@pytest.fixture
def served() -> Served:
    made = Served(10_000)
    assert asked(made, protocol.ATTACH, struct.pack("<II", 1, 0xFFFFFFFF) + b"\0\0\0\0" + bytes(4))[0] == 105
    walk = struct.pack("<IIHH", 1, 2, 1, 1) + b"f"
    assert asked(made, protocol.WALK, walk)[0] == 111
    return made


def test_the_file_is_found_and_read(served: Served) -> None:
    kind, attributes = asked(served, protocol.GETATTR, struct.pack("<IQ", 2, 0x7FF))
    assert kind == 25
    assert len(attributes) == 153  # what the protocol fixes for Rgetattr
    kind, content = asked(served, protocol.READ, struct.pack("<IQI", 2, 9_000, 4_096))
    assert kind == 117
    assert struct.unpack_from("<I", content) == (1_000,)
    assert len(content) == 4 + 1_000


def test_nothing_is_read_beyond_its_end(served: Served) -> None:
    _, content = asked(served, protocol.READ, struct.pack("<IQI", 2, 10_000, 4_096))
    assert struct.unpack("<I", content) == (0,)


@pytest.mark.parametrize(
    "kind, body, number",
    [
        (protocol.WALK, struct.pack("<IIHH", 1, 3, 1, 1) + b"g", 2),
        (protocol.XATTRWALK, b"", 95),
    ],
)
def test_what_is_not_there_is_an_error(served: Served, kind: int, body: bytes, number: int) -> None:
    assert asked(served, kind, body) == (protocol.LERROR, struct.pack("<I", number))


def block_request(kind: int, handle: bytes, start: int, nr_bytes: int, data: bytes = b"") -> bytes:
    return struct.pack(">II8sQI", 0x25609513, kind, handle, start, nr_bytes) + data


def test_requests_of_a_block_device_are_cut_wherever_the_stream_breaks() -> None:
    stream = block_request(nbd.WRITE, b"w" * 8, 4096, 5, b"abcde") + block_request(nbd.READ, b"r" * 8, 0, 512)
    for place in range(len(stream)):
        requests = nbd.Requests()
        found = requests.cut(stream[:place]) + requests.cut(stream[place:])
        assert found == [
            nbd.Request(nbd.WRITE, b"w" * 8, 4096, 5, b"abcde"),
            nbd.Request(nbd.READ, b"r" * 8, 0, 512, b""),
        ]
    with pytest.raises(ValueError, match="not a request"):
        nbd.Requests().cut(bytes(28))


@pytest.fixture
def device() -> Iterator[tuple[socket.socket, Lines]]:
    """A server of a block device, without one: the kernel's end of its socket, and its orders."""
    kernel, answers = socket.socketpair()
    mine, control = socket.socketpair()
    seen, lives = os.pipe()
    backing = os.memfd_create("backing")
    os.write(backing, b"0123456789")
    own = [end.detach() for end in (answers, control)]
    plan = nbd_server.Plan("/dev/null", -1, own[0], backing, own[1], seen, os.getpid(), 60.0, 60.0)
    thread = threading.Thread(target=nbd_server.Server(plan).run)
    thread.start()
    kernel.settimeout(10.0)
    with closing(kernel):
        orders = Lines(mine.detach())
        yield kernel, orders
        os.close(lives)  # the watcher's end
        thread.join(10.0)
        assert not thread.is_alive()
        os.close(orders.fd)
    for fd in (*own, seen, backing):
        os.close(fd)


def test_a_block_device_answers_and_withholds_writes_alone(device: tuple[socket.socket, Lines]) -> None:
    kernel, orders = device
    assert orders.receive(10.0) == [{"serving": True}]
    orders.send({"withhold": nbd.WRITE})
    kernel.sendall(block_request(nbd.READ, b"r" * 8, 2, 3))
    assert kernel.recv(64) == struct.pack(">II8s", 0x67446698, 0, b"r" * 8) + b"234"
    kernel.sendall(block_request(nbd.WRITE, b"w" * 8, 0, 2 * PAGE, b"ab" * PAGE))
    while (said := orders.receive(10.0)) == []:
        pass
    assert said == [{"withheld": 2}], "in blocks of 4 KiB"
    kernel.sendall(block_request(nbd.READ, b"s" * 8, 0, 2))
    assert kernel.recv(64)[16:] == b"01", "what is withheld is not written either"
    orders.send({"release": True})
    assert kernel.recv(64) == struct.pack(">II8s", 0x67446698, 0, b"w" * 8)
    kernel.sendall(block_request(nbd.READ, b"t" * 8, 0, 2))
    assert kernel.recv(64)[16:] == b"ab"
    kernel.sendall(block_request(3, b"f" * 8, 0, 0))
    assert kernel.recv(64) == struct.pack(">II8s", 0x67446698, 5, b"f" * 8), "a flush was not promised"


def test_a_control_below_shares_no_batch_of_compaction_with_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """32 pages are isolated at a time; the pool has 64."""
    addresses = list(range(64))
    monkeypatch.setattr(pages, "frames_of", lambda wanted: [1000 - at for at in wanted])
    control, target = chosen(addresses, sleeps=True)
    assert control == list(range(63, 47, -1)) and target == list(range(15, -1, -1))
    control, target = chosen(addresses)
    assert target == list(range(63, 47, -1)) and control == list(range(47, 31, -1))
