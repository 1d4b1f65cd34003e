"""A memory cgroup (version 2) of our own, and the multi-generational LRU of what is charged to it.

What a process allocates from the moment it joins is charged to the group, and with that on LRU lists of the group's
own, one set a node (mm/memcontrol.c, charge_memcg). So reclaim can be asked for of these pages alone, on one node.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Dict, Optional, Sequence

from probes.kernel import syscalls

_ROOT = "/sys/fs/cgroup"
_LRU_GEN = "/sys/kernel/debug/lru_gen"
LRU_GEN_ENABLED = "/sys/kernel/mm/lru_gen/enabled"
_MIN_NR_GENS = 2  # include/linux/mmzone.h: the youngest generations, which are not evicted


class Group:
    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = os.path.join(_ROOT, name)

    def make(self) -> None:
        """Raises OSError where this kernel has no memory cgroups of version 2."""
        if not os.path.exists(_ROOT + "/cgroup.controllers"):
            syscalls.mount("unmigratable", _ROOT, "cgroup2")
        _write(_ROOT + "/cgroup.subtree_control", "+memory")
        os.makedirs(self.folder, exist_ok=True)

    def join(self, pid: int) -> None:
        _write(self.folder + "/cgroup.procs", str(pid))

    def dissolve(self, pid: int) -> None:
        """Take the process out again. What is still charged goes to the parent."""
        _write(_ROOT + "/cgroup.procs", str(pid))
        os.rmdir(self.folder)

    def nr_on_lists(self, node: int) -> Dict[str, int]:
        """How many of its pages are on a node's LRU lists, by `anon` and `file`. Not from memory.numa_stat, which may
        be a hundred pages behind (mm/memcontrol.c, memcg_vmstats_needs_flush)."""
        return self._generations(node).nr_pages

    def nr_charged(self, frames: Sequence[int]) -> int:
        """How many of these frames are charged to it: /proc/kpagecgroup has the inode of each frame's group."""
        inode = os.stat(self.folder).st_ino
        with open("/proc/kpagecgroup", "rb", buffering=0) as table:
            return sum(1 for frame in frames if struct.unpack("<Q", os.pread(table.fileno(), 8, 8 * frame))[0] == inode)

    def age(self, node: int) -> None:
        """Begin a generation: what was not touched since the latest one is older from then on."""
        found = self._generations(node)
        # 1 1: anonymous memory too, and also where there are as many generations as there can be.
        _write(_LRU_GEN, "+ %d %d %d 1 1" % (found.memcg, node, found.youngest))

    def evict(self, node: int, swappiness: int) -> None:
        """Reclaim all but the two youngest generations on a node; with swappiness 0 of page cache alone."""
        found = self._generations(node)
        last = found.youngest - _MIN_NR_GENS
        if last >= 0:
            _write(_LRU_GEN, "- %d %d %d %d" % (found.memcg, node, last, swappiness))

    def _generations(self, node: int) -> "Generations":
        with open(_LRU_GEN, encoding="ascii") as table:
            found = generations(table.read(), "/" + self.name, node)
        if found is None:
            raise OSError("%s does not name the group %s" % (_LRU_GEN, self.name))
        return found


@dataclass
class Generations:
    """`memcg`: the group's number in lru_gen. `youngest`: of its generations on a node. `nr_pages`: in all of them."""

    memcg: int
    youngest: int
    nr_pages: Dict[str, int]


def generations(text: str, path: str, node: int) -> Optional[Generations]:
    """What lru_gen says of a group and a node (mm/vmscan.c, lru_gen_seq_show; alike in 6.1, 6.12 and 7.3): a line for
    each generation, oldest first, with its number, its age, and its anonymous and file pages."""
    memcg: Optional[int] = None
    seen, found = -1, None
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["memcg"]:
            memcg = int(words[1]) if words[2:3] == [path] else None
        elif words[:1] == ["node"]:
            seen = int(words[1])
        elif memcg is not None and seen == node and len(words) == 4:
            before = found.nr_pages if found else {"anon": 0, "file": 0}
            nr_pages = {"anon": before["anon"] + int(words[2]), "file": before["file"] + int(words[3])}
            found = Generations(memcg, int(words[0]), nr_pages)
    return found


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def is_on() -> bool:
    """Is the multi-generational LRU in use, all of it that this kernel and processor have or a part?"""
    try:
        with open(LRU_GEN_ENABLED, encoding="ascii") as enabled:
            return bool(int(enabled.read(), 16) & 1)
    except OSError:
        return False


def turn_on() -> None:
    _write(LRU_GEN_ENABLED, "y")
