"""A virtio-mem device that gives its memory back: drivers/virtio/virtio_mem.c, virtio_mem_fake_offline (6.1 to 7.3).

The driver empties whole memory blocks with alloc_contig_range() (MIGRATE_SYNC, MR_CONTIG_RANGE), and where that fails
subblocks of 2 or 4 MiB. The device is the guest's whole ZONE_MOVABLE; who asks for the memory is the lab.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any, Callable, Collection, Dict, List, Optional, Sequence, Set

from probes.children.processes import Blocked
from probes.errors import CannotRun, Disturbed
from probes.kernel import pages, syscalls
from probes.movers.attempts import Attempt, MoverChild
from probes.movers.guest import GuestMover, block_pages, lands_in, movable_zone
from probes.movers.resizing import resize
from probes.movers.usual import Operation

_DEVICES = "/sys/bus/virtio/drivers/virtio_mem"
_NODE = 1  # the device's, in the lab's guest
_RESIZE_SECONDS = 90.0
_LOOKS, _LOOK_SECONDS = 8, 0.05


class VirtioMem(GuestMover):
    """All of the device is asked for. What an attempt took away is plugged again before the next."""

    name = "virtio_mem"

    def __init__(self, child: MoverChild) -> None:
        super().__init__(child)
        if not os.path.isdir(_DEVICES) or not any(entry.startswith("virtio") for entry in os.listdir(_DEVICES)):
            raise CannotRun("no virtio-mem device: the lab's guest has one, and wants the module virtio_mem")
        # Whatever it has now: a run that ended badly may have left it being emptied, which the driver goes on with.
        # A size that it has already is told to the driver too (QEMU, hw/virtio/virtio-mem.c).
        self.asked = resize.NONE
        self.settle()
        self.node, self.zone = movable_zone()
        self.size_bytes = resize.managed_bytes(self.node)
        self.answers: List[Dict[str, Any]] = []
        self.target: Set[int] = set()
        self.nr_locked = 0

    def stage(self, nr_pages: int) -> None:
        if self.before is None:
            if not self.child.ask(self.order(), _RESIZE_SECONDS, lambda: None).returned:
                raise Disturbed("the device was not emptied within %g s, with nothing held" % _RESIZE_SECONDS)
            self.before = self._latest() is True
            self.settle()
        syscalls.bind_memory(self.node)

    def steer(self, nr_pages: int) -> Collection[int]:
        syscalls.bind_memory(self.node)
        return range(self.zone.start, self.zone.end)

    def fits(self, frames: Sequence[int]) -> bool:
        """In one memory block, since the blocks are emptied one after the other, from the last on: a control in a lower
        one would not be met by a driver that sleeps."""
        size = block_pages()
        inside = all(self.zone.start <= frame < self.zone.end for frame in frames)
        return bool(frames) and inside and len({frame // size for frame in frames}) == 1

    def is_kept_out(self, frames: Sequence[int]) -> bool:
        return not any(self.zone.start <= frame < self.zone.end for frame in frames) and lands_in(self.zone)

    def protect(self, control: Sequence[int]) -> None:
        """Clean page cache is dropped and not moved (mm/page_alloc.c, __alloc_contig_migrate_range), unless it is
        locked in memory. On 7.3.4 a control of clean pages beside fuse-writeback did not move; on 6.1.176, where a
        copy is under writeback, the target did not, and all of the device was had."""
        self._lock(control)

    def keep(self, target: Sequence[int]) -> None:
        self._lock(target)

    def _lock(self, addresses: Sequence[int]) -> None:
        """Those of files: of other memory nothing is dropped, and it stays as its case has made it."""
        frames = pages.frames_of(addresses)
        of_files = set(pages.of_files([frame for frame in frames if frame is not None]))
        for address, frame in zip(addresses, frames):
            if frame in of_files:
                syscalls.lock_pages(address, 1)
                self.nr_locked += 1

    def note_frames(self, control: Sequence[int], target: Sequence[int]) -> None:
        self.target = set(target)

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        syscalls.bind_memory(None)
        return super().attempt(addresses, seconds, check)

    def conclude(self) -> None:
        """One that slept answers after the release."""
        answer = self.child.answer
        if not self.child.busy and answer and not any(answer is each for each in self.answers):
            self.answers.append(answer)

    def order(self) -> Dict[str, Any]:
        self.settle()
        self.asked = resize.NONE
        return {"mover": self.name, "state": resize.NONE, "node": _NODE}

    def settle(self) -> None:
        """Plug again what an attempt took, into ZONE_MOVABLE by itself (memhp_default_state)."""
        if self.asked == resize.ALL or self.child.busy:
            return
        self.asked = resize.ALL
        made = self.child.ask({"mover": self.name, "state": resize.ALL, "node": _NODE}, _RESIZE_SECONDS, lambda: None)
        if not made.returned:
            raise Disturbed("the device was not filled again within %g s" % _RESIZE_SECONDS)
        has, size = self.child.answer["left_bytes"], self.child.answer["device_bytes"]
        if has != size:
            raise Disturbed("of the device's %d MiB the guest has %d in ZONE_MOVABLE" % (size >> 20, has >> 20))

    def met_target(self) -> bool:
        """Was it all had, or a range with a frame of the target not?"""
        answer = self.child.answer
        ranges = answer.get("not_had", [])
        met = any(start <= frame < end for start, end, _ in ranges for frame in self.target)
        return self.child.busy or met or self.succeeded(answer)

    def sleeps(self, blocked: Blocked) -> bool:
        """A worker does others' work too, and in D it is only where the driver's function is in its stack."""
        return blocked.sleeps() and any(line.startswith("virtio_mem_") for line in blocked.stack)

    def _sleeps(self) -> bool:
        seen: Set[Optional[str]] = set()
        for _ in range(_LOOKS):
            found = self.child.look(self.child.watched)
            seen.add(found.stack[0] if found is not None and self.sleeps(found) else None)
            time.sleep(_LOOK_SECONDS)
        return len(seen) == 1 and None not in seen

    def succeeded(self, answer: Dict[str, Any]) -> bool:
        return answer.get("left_bytes") == 0 and not answer.get("stopped")

    def operation(self) -> Optional[Operation]:
        name = "unplug of a virtio-mem device (%d MiB, ZONE_MOVABLE)" % (self.size_bytes >> 20)
        return Operation(name, self.before, self._latest())

    def facts(self) -> Dict[str, Any]:
        """Of each attempt that came back: how long each pass of the driver's work took, its calls of migrate_pages(),
        how many of them left something behind, which ranges it did not get how often, in how many of these tries the
        first frame in use was the target's, and what of the device was left."""
        made = self.answers
        calls = [", ".join("%s %d" % pair for pair in sorted(each["migrate_calls"].items())) or "none" for each in made]
        return {
            **super().facts(),
            **({"nr_pages_locked_in_memory": self.nr_locked} if self.nr_locked else {}),
            "driver_pass_seconds_per_try": "; ".join(" ".join(map(str, each["pass_seconds"])) for each in made),
            "migrate_calls_traced_per_try": "; ".join(calls),
            "nr_migrate_calls_failed_per_try": " ".join(str(each["nr_calls_failed"]) for each in made),
            "ranges_not_had_per_try": "; ".join(_named(each["not_had"]) for each in made),
            "nr_target_first_in_use_per_try": " ".join(
                str(sum(1 for _, _, first in each["not_had"] if first in self.target)) for each in made
            ),
            "mib_left_per_try": " ".join("%g" % (each["left_bytes"] / (1 << 20)) for each in made),
        }

    def close(self) -> None:
        syscalls.bind_memory(None)
        with contextlib.suppress(Disturbed, OSError):  # its process is gone; the run says so, and the next one asks
            self.settle()


def _named(ranges: Sequence[Sequence[int]]) -> str:
    """`128 MiB 5, 2 MiB 10`: how often ranges of each size were not had."""
    found: Dict[int, int] = {}
    for start, end, _ in ranges:
        size = (end - start) * syscalls.PAGE >> 20
        found[size] = found.get(size, 0) + 1
    return ", ".join("%d MiB %d" % pair for pair in sorted(found.items(), reverse=True)) or "none"
