"""FUSE connections and who serves them; and to which file of a FUSE or network mount a page frame belongs.

Nothing here touches a mount itself: a path on it could sleep for its server. Mounts come from mountinfo, connections
from fusectl, page frames from the page tables of processes that map such files.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Dict, Iterator, List, Tuple

from probes.inspect.read import text
from probes.inspect.tasks import numbered
from probes.kernel.syscalls import PAGE

CONNECTIONS = Path("/sys/fs/fuse/connections")
_SERVED = re.compile(r"fuse(?:blk)?(?:\..+)?|nfs4?|cifs|smb3|ceph|9p|afs|virtiofs")
_AREA = re.compile(r"([0-9a-f]+)-([0-9a-f]+) \S{4} [0-9a-f]+ ([0-9a-f]+):([0-9a-f]+) \d+\s+(.*)")
_FRAME, _PRESENT = (1 << 55) - 1, 1 << 63
MAX_PAGES = 1 << 20
MAX_NAMESPACES = 64


@dataclass(frozen=True)
class Mount:
    device: str
    target: str
    filesystem: str

    @property
    def connection(self) -> int:
        """The number under which fusectl shows it: the kernel's own dev_t (fs/fuse/control.c, fuse_ctl_add_conn)."""
        major, _, minor = self.device.partition(":")
        return (int(major) << 20) | int(minor)


@dataclass(frozen=True)
class Connection:
    number: int
    waiting: int
    mount: str
    daemons: Tuple[int, ...]
    comm: str
    uid: str


@dataclass(frozen=True)
class Owner:
    """The file to which a page frame belongs, as process `pid` maps it."""

    frame: int
    pid: int
    file: str
    filesystem: str
    device: str


def served(proc: Path = Path("/proc"), folder: Path = CONNECTIONS) -> List[Mount]:
    """The mounts whose content somebody else supplies, in every mount namespace, and the FUSE connections that are
    mounted nowhere any more: those have a device all the same, by which a mapping of a file on them is known."""
    found: Dict[str, Mount] = {}
    for mountinfo in _mountinfos(proc):
        for mount in _mounts(mountinfo):
            found.setdefault(mount.device, mount)
    for number in numbered(folder):
        device = "%d:%d" % (number >> 20, number & 0xFFFFF)
        found.setdefault(device, Mount(device, "", "fuse"))
    return list(found.values())


def _mountinfos(proc: Path) -> Iterator[str]:
    """One of each mount namespace, our own first."""
    yield text(proc / "self" / "mountinfo")
    seen = {_link(proc / "self" / "ns" / "mnt"), ""}
    for pid in numbered(proc):
        namespace = _link(proc / str(pid) / "ns" / "mnt")
        if namespace not in seen and len(seen) < MAX_NAMESPACES:
            seen.add(namespace)
            yield text(proc / str(pid) / "mountinfo")


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _mounts(mountinfo: str) -> Iterator[Mount]:
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(" "), right.split(" ")[0]
        if len(fields) > 4 and _SERVED.fullmatch(kind):
            target = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[4])
            yield Mount(fields[2], target, "fuse" if kind.startswith("fuse") else kind)


def connections(mounts: List[Mount], proc: Path = Path("/proc"), folder: Path = CONNECTIONS) -> List[Connection]:
    """As fusectl shows them; where that is not mounted, or not for us, those of the mounts, without what waits."""
    targets = {mount.connection: mount.target for mount in mounts if mount.filesystem == "fuse"}
    told, others = _daemons(proc)
    made = []
    for number in numbered(folder) or sorted(targets):
        waiting = text(folder / str(number) / "waiting").strip()
        pids = told.get(number) or others
        status = text(proc / str(pids[0]) / "status") if pids else ""
        uid = re.search(r"(?m)^Uid:\s*(\d+)", status)
        comm = text(proc / str(pids[0]) / "comm").strip() if pids else ""
        made.append(
            Connection(
                number, int(waiting) if waiting.isdecimal() else -1, targets.get(number, ""), tuple(pids),
                comm, uid[1] if uid else "",
            )
        )  # fmt: skip
    return made


def why_not_shown(folder: Path = CONNECTIONS) -> str:
    """Why fusectl shows no connection where there are some."""
    if not os.access(folder, os.R_OK | os.X_OK):
        return "Permission denied"
    return "" if numbered(folder) else "empty: mount -t fusectl fusectl " + str(CONNECTIONS)


def _daemons(proc: Path) -> "Tuple[Dict[int, List[int]], List[int]]":
    """Who has /dev/fuse open: by connection where fdinfo tells it (newer kernels), and all of them."""
    told: Dict[int, List[int]] = {}
    every: List[int] = []
    for pid in numbered(proc):
        try:
            entries = os.listdir(proc / str(pid) / "fd")
        except OSError:
            continue
        for entry in entries:
            try:
                if os.readlink(proc / str(pid) / "fd" / entry) != "/dev/fuse":
                    continue
            except OSError:
                continue
            every.append(pid)
            number = re.search(r"(?m)^fuse_connection:\s*(\d+)", text(proc / str(pid) / "fdinfo" / entry))
            if number:
                told.setdefault(int(number[1]), []).append(pid)
    return told, list(dict.fromkeys(every))


def owners(frames: Collection[int], mounts: List[Mount], proc: Path = Path("/proc")) -> Iterator[Owner]:
    """Those of the frames that a process maps from one of the mounts. /proc/PID/maps waits for the process's memory
    lock, killably: call this where it can be given up."""
    wanted = set(frames)
    by_device = {tuple(int(part) for part in mount.device.split(":")): mount for mount in mounts}
    left = MAX_PAGES
    for pid in numbered(proc):
        for line in text(proc / str(pid) / "maps").splitlines():
            area = _AREA.match(line)
            mount = by_device.get((int(area[3], 16), int(area[4], 16))) if area else None
            if area is None or mount is None or not wanted or left <= 0:
                continue
            start, end = int(area[1], 16), int(area[2], 16)
            nr_pages = min((end - start) // PAGE, left)
            left -= nr_pages
            for frame in _frames(proc / str(pid) / "pagemap", start // PAGE, nr_pages):
                if frame in wanted:
                    wanted.discard(frame)
                    yield Owner(frame, pid, area[5], mount.filesystem, mount.device)


def _frames(pagemap: Path, first: int, nr_pages: int) -> Iterator[int]:
    try:
        fd = os.open(pagemap, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        data = os.pread(fd, 8 * nr_pages, 8 * first)
    except OSError:
        data = b""
    finally:
        os.close(fd)
    for (entry,) in struct.iter_unpack("<Q", data[: len(data) // 8 * 8]):
        if entry & _PRESENT:
            yield entry & _FRAME
