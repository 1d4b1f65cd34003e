"""Memory blocks: states and zones, and what /proc/kpageflags and /proc/kpagecount say of the pages in one."""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, List

from probes.inspect.read import text
from probes.kernel import pages
from probes.kernel.syscalls import PAGE

MEMORY = Path("/sys/devices/system/memory")
MAX_FRAMES_LISTED = 64
_F = {name: 1 << bit for name, bit in pages.FLAGS.items()}
_KERNELS_OWN = _F["SLAB"] | _F["PGTABLE"] | _F["RESERVED"] | _F["OFFLINE"] | _F["BUDDY"] | _F["NOPAGE"]
# What is counted, and the flags that make it. kpageflags shows LOCKED of the head for every page of a folio.
_COUNTED: Dict[str, int] = {
    "reserved": _F["RESERVED"],
    "slab": _F["SLAB"],
    "table": _F["PGTABLE"],
    "offline": _F["OFFLINE"],
    "poisoned": _F["HWPOISON"],
    "huge": _F["HUGE"],
    "unevictable": _F["UNEVICTABLE"],
}


@dataclass(frozen=True)
class Block:
    name: str
    state: str
    zones: str
    first_frame: int
    nr_frames: int


@dataclass
class Suspects:
    """Page frames by what they are; `frames`: those under writeback or locked, at most MAX_FRAMES_LISTED."""

    counts: Dict[str, int] = field(default_factory=dict)
    frames: Dict[int, int] = field(default_factory=dict)


def every(memory: Path = MEMORY) -> List[Block]:
    """All blocks by number; empty where the kernel has no memory blocks."""
    size = text(memory / "block_size_bytes").strip()
    if not re.fullmatch(r"[0-9a-f]+", size):
        return []
    nr_frames = int(size, 16) // PAGE
    names = (name for name in os.listdir(memory) if re.fullmatch(r"memory\d+", name))
    return [_block(memory / name, nr_frames) for name in sorted(names, key=lambda name: int(name[6:]))]


def _block(folder: Path, nr_frames: int) -> Block:
    zones = ",".join(text(folder / "valid_zones").split())
    index = text(folder / "phys_index").strip()
    number = int(index, 16) if re.fullmatch(r"[0-9a-f]+", index) else int(folder.name[6:])
    return Block(folder.name, text(folder / "state").strip(), zones, number * nr_frames, nr_frames)


def suspects(block: Block) -> Suspects:
    """What its page frames are. Raises OSError where the kernel does not show them (CAP_SYS_ADMIN)."""
    found = Suspects(dict.fromkeys(("writeback", "locked", "unmapped_anon", *_COUNTED), 0))
    frames = range(block.first_frame, block.first_frame + block.nr_frames)
    unmapped: List[int] = []
    for frame, bits in zip(frames, pages.flag_bits(frames)):
        if not bits:
            continue
        for name, flag in _COUNTED.items():
            if bits & flag:
                found.counts[name] += 1
        if bits & _KERNELS_OWN:
            continue
        held = bits & (_F["WRITEBACK"] | _F["LOCKED"])
        if bits & _F["WRITEBACK"]:
            found.counts["writeback"] += 1
        elif bits & _F["LOCKED"]:
            found.counts["locked"] += 1
        if held and len(found.frames) < MAX_FRAMES_LISTED:
            found.frames[frame] = bits
        if bits & _F["ANON"] and not bits & (_F["SWAPCACHE"] | _F["COMPOUND_TAIL"]):
            unmapped.append(frame)
    found.counts["unmapped_anon"] = sum(1 for count in mapcounts(unmapped) if count == 0)
    return found


def mapcounts(frames: Iterable[int]) -> List[int]:
    """How often each frame is mapped, by /proc/kpagecount. An anonymous page that nobody maps, some reference keeps."""
    made = []
    fd = os.open("/proc/kpagecount", os.O_RDONLY | os.O_CLOEXEC)
    try:
        for frame in frames:
            data = os.pread(fd, 8, 8 * frame)
            made.append(struct.unpack("<Q", data)[0] if len(data) == 8 else -1)
    finally:
        os.close(fd)
    return made


def names(bits: int) -> str:
    """The flags by name. KSM is left out: 6.12 sets it on every anonymous page."""
    return ",".join(sorted(name for name, flag in _F.items() if bits & flag))
