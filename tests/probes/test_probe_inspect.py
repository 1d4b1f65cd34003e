"""inspect reads and changes nothing; what it prints is what diagnose reads."""

import os
import struct
from pathlib import Path

import pytest

from diagnosis.diagnose import diagnose
from diagnosis.matching import known
from diagnosis.readers.inspect import line
from diagnosis.readers.reading import read
from probes.inspect import blocks, command, mounts, tasks

STACK = "[<0>] folio_wait_writeback+0x2c/0x80\n[<0>] migrate_pages_batch+0x558/0xe50\n[<0>] offline_pages+0x41f/0x680\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with an offlining in D (812), its FUSE daemon (899), and somebody who sleeps (900)."""
    folder = tmp_path / "proc"
    for pid, comm, state in (
        (812, "sh", "D (disk sleep)"),
        (899, "sshfs", "S (sleeping)"),
        (900, "bash", "S (sleeping)"),
    ):
        for place in (folder / str(pid), folder / str(pid) / "task" / str(pid)):
            (place / "fd").mkdir(parents=True)
            (place / "comm").write_text(comm + "\n")
            (place / "status").write_text("Name:\t%s\nState:\t%s\nUid:\t1000\t1000\t1000\t1000\n" % (comm, state))
            (place / "stack").write_text(STACK if pid == 812 else "")
            (place / "wchan").write_text("folio_wait_bit_common" if pid == 812 else "0")
        (folder / str(pid) / "maps").write_text("")
    os.symlink("/sys/devices/system/memory/memory32/state", folder / "812" / "fd" / "1")
    os.symlink("/dev/fuse", folder / "899" / "fd" / "3")
    (folder / "self").mkdir()
    (folder / "self" / "mountinfo").write_text(
        "36 25 0:29 / /mnt/with\\040blank rw,relatime - fuse.sshfs box:/ rw,user_id=1000\n"
        "37 25 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "38 25 0:44 / /net rw - nfs4 server:/ rw\n"
    )
    return folder


@pytest.fixture
def connections(tmp_path: Path) -> Path:
    (tmp_path / "connections" / "29").mkdir(parents=True)
    (tmp_path / "connections" / "29" / "waiting").write_text("1\n")
    return tmp_path / "connections"


def test_it_finds_who_sleeps_and_which_block_is_being_offlined(proc: Path) -> None:
    (found,) = tasks.find(proc)
    assert (found.pid, found.comm, found.state, found.block, found.uid) == (812, "sh", "D", "memory32", "1000")
    assert found.stack == tuple(STACK.splitlines())
    assert [task.pid for task in tasks.find(proc, only=[900])] == [812, 900]


def test_a_stack_that_may_not_be_read_is_told(proc: Path) -> None:
    stack = proc / "812" / "task" / "812" / "stack"
    stack.unlink()
    stack.mkdir()
    (found,) = tasks.find(proc)
    assert (found.stack, found.stack_missing) == ((), "Is a directory")


def test_connections_are_mapped_to_their_mounts_and_daemons(proc: Path, connections: Path) -> None:
    served = mounts.served(proc, connections)
    assert [(mount.filesystem, mount.target) for mount in served] == [("fuse", "/mnt/with blank"), ("nfs4", "/net")]
    (found,) = mounts.connections(served, proc, connections)
    assert (found.number, found.waiting, found.mount) == (29, 1, "/mnt/with blank")
    assert (found.daemons, found.comm, found.uid) == ((899,), "sshfs", "1000")


def test_without_fusectl_the_daemon_is_named_all_the_same(proc: Path, tmp_path: Path) -> None:
    """Seen in a guest whose first program mounted no fusectl: the offlining was read, and nobody was named."""
    nowhere = tmp_path / "nowhere"
    served = mounts.served(proc, nowhere)
    (found,) = mounts.connections(served, proc, nowhere)
    assert (found.number, found.waiting, found.mount) == (29, -1, "/mnt/with blank")
    assert (found.daemons, found.comm, found.uid) == ((899,), "sshfs", "1000")
    assert mounts.why_not_shown(nowhere) == "Permission denied"
    nowhere.mkdir()
    assert "mount -t fusectl" in mounts.why_not_shown(nowhere)


def test_what_is_asked_for_and_is_not_there_is_told() -> None:
    said: "list[str]" = []
    assert command.run(["memory999999", "999999999", "memory999998"], said.append) == 0
    assert 'inspect: missing what=/proc/999999999 why="no such task"' in said
    told = [one for one in said if "no such memory block" in one or "has no memory blocks" in one]
    assert len(told) == (2 if blocks.every() else 1)


def test_compaction_that_runs_is_shown_and_compaction_that_sleeps_is_not(proc: Path) -> None:
    for pid, state in ((901, "R (running)"), (902, "S (sleeping)")):
        folder = proc / str(pid) / "task" / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "comm").write_text("kcompactd0\n")
        (folder / "status").write_text("Name:\tkcompactd0\nState:\t%s\n" % state)
        (folder / "stack").write_text("[<0>] isolate_migratepages_block+0x4b1/0xd30\n[<0>] kcompactd+0x33a/0x4b0\n")
    assert [(task.pid, task.state) for task in tasks.find(proc)] == [(812, "D"), (901, "R")]


def test_a_daemon_is_named_beside_its_frames_where_fusectl_is_not_mounted() -> None:
    capture = Path(__file__).parents[1] / "diagnosis/captures"
    text = (capture / "inspect-fuse-writeback-offline-without-fusectl-7.3.4+deb13.txt").read_text()
    named = "inspect: fuse connection=28 mount=/mnt daemons=170 comm=sshfs uid=1000\n"
    found = diagnose(text + named, known.signatures())
    (holder,) = [one for one in found.findings[0].candidates if one.is_proved]
    assert holder.case == "fuse-writeback"
    assert any("served by sshfs (pid 170, uid 1000)" in reason.text for reason in holder.support)
    assert any("mount -t fusectl" in command.run for command in found.capture)


def test_a_connection_that_is_mounted_nowhere_has_a_device_all_the_same(proc: Path, connections: Path) -> None:
    (proc / "self" / "mountinfo").write_text("")
    assert mounts.served(proc, connections) == [mounts.Mount("0:29", "", "fuse")]


def test_a_frame_is_traced_to_the_file_that_maps_it(proc: Path, connections: Path) -> None:
    (proc / "900" / "maps").write_text(
        "10000-13000 rw-s 00000000 00:1d 7 /mnt/with blank/file\n20000-21000 rw-p 00000000 00:00 0 [heap]\n"
    )
    entries = [0] * 0x20
    entries[0x11] = 1 << 63 | 0x100013
    (proc / "900" / "pagemap").write_bytes(struct.pack("<%dQ" % len(entries), *entries))
    found = list(mounts.owners([0x100013, 0x100014], mounts.served(proc, connections), proc))
    assert found == [mounts.Owner(0x100013, 900, "/mnt/with blank/file", "fuse", "0:29")]


def test_blocks_have_states_zones_and_page_frames(tmp_path: Path) -> None:
    (tmp_path / "memory32").mkdir()
    (tmp_path / "block_size_bytes").write_text("8000000\n")
    for name, value in (("state", "going-offline"), ("valid_zones", "Movable Normal"), ("phys_index", "00000020")):
        (tmp_path / "memory32" / name).write_text(value + "\n")
    assert blocks.every(tmp_path) == [blocks.Block("memory32", "going-offline", "Movable,Normal", 0x100000, 32768)]
    assert blocks.every(tmp_path / "nothing") == []


def test_what_is_printed_is_read_back() -> None:
    printed = line("fuse", connection=29, waiting=1, mount='/a "quoted" b', daemons="899", comm="ünsafe\n=", uid="")
    assert printed.count("\n") == 0 and "uid" not in printed
    (record,) = read(printed).records
    assert (record.kind, record.number("connection"), record.number("waiting")) == ("fuse_connection", 29, 1)
    assert record.text("mount") == '/a \\"quoted\\" b'


def test_on_this_machine_every_line_is_one_that_diagnose_knows() -> None:
    said: "list[str]" = []
    assert command.run(["1"], said.append) == 0
    assert said[0].startswith("inspect: kernel release=")
    assert all(one.startswith(("inspect: ", "[<")) for one in said)
    kinds = {record.kind for record in read("\n".join(said)).records}
    assert {"kernel", "counter"} <= kinds
    assert diagnose("\n".join(said)).release == os.uname().release
