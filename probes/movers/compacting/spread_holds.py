"""Compaction of memory in which each held page lies in a pageblock of its own: how much does so little deny?

What is counted is pageblocks that are empty afterwards, so that an allocation of their order could have them:
of the control, which moved away; of the target, while it is held; of the target, after its release.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

from probes.kernel import pages, syscalls
from probes.movers.attempts import Attempt, MoverChild
from probes.movers.usual import Compaction, Operation

_ORDER = 9
MOST_TARGETS = 4096
_FREE = 1 << pages.FLAGS["BUDDY"]


class SpreadCompaction(Compaction):
    most_tries = 1

    def __init__(self, child: MoverChild, arena_bytes: int) -> None:
        super().__init__(child, arena_bytes)
        self.control: List[int] = []
        self.target: List[int] = []
        self.is_staged = False
        self.emptied: List[Tuple[int, int]] = []
        self.nr_order9: List[int] = []

    def steer(self, nr_pages: int) -> Set[int]:
        assert self.arena is not None
        return self.arena.steer_spread(nr_pages)

    def fits(self, frames: Sequence[int]) -> bool:
        """As for any compaction; and each frame in another pageblock."""
        assert self.arena is not None
        return super().fits(frames) and len({frame // self.arena.block_pages for frame in frames}) == len(frames)

    def note_frames(self, control: Sequence[int], target: Sequence[int]) -> None:
        assert self.arena is not None
        self.control = sorted({frame // self.arena.block_pages for frame in control})
        self.target = sorted({frame // self.arena.block_pages for frame in target})

    def arm(self, frames: Sequence[int]) -> None:
        """The first time: leave nothing but the held pages and the control in their blocks, and make room above."""
        if self.is_staged:
            return
        assert self.arena is not None
        self.is_staged = True
        self.arena.clear_blocks(frames)
        self.nr_targets.append(self.arena.punch(frames, most=MOST_TARGETS))
        self.nr_order9.append(free_blocks_of_order9())

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        made = super().attempt(addresses, seconds, check)
        self._count()
        return made

    def operation(self) -> Optional[Operation]:
        """Asked after the attempt while held, and after what came of it, or of another, after the release."""
        emptied = self._emptied(self.target)
        name = "emptying half or more of the %d pageblocks of the target" % len(self.target)
        return Operation(name, None, bool(self.target) and 2 * emptied >= len(self.target))

    def facts(self) -> Dict[str, Any]:
        self._count()
        assert self.arena is not None
        held, after = self.emptied[0], self.emptied[-1]
        return {
            **super().facts(),
            "nr_control_blocks": len(self.control),
            "nr_target_blocks": len(self.target),
            "nr_control_blocks_emptied_while_held": held[0],
            "nr_target_blocks_emptied_while_held": held[1],
            "nr_target_blocks_emptied_after_release": after[1],
            "denied_mib": max(0, after[1] - held[1]) * self.arena.block_pages * syscalls.PAGE >> 20,
            "nr_order9_free_before_held_after": " ".join(str(self.nr_order9[at]) for at in (0, 1, -1)),
        }

    def _count(self) -> None:
        self.emptied.append((self._emptied(self.control), self._emptied(self.target)))
        self.nr_order9.append(free_blocks_of_order9())

    def _emptied(self, blocks: Sequence[int]) -> int:
        assert self.arena is not None
        nr = self.arena.block_pages
        return sum(1 for block in blocks if is_empty(pages.flag_bits(range(block * nr, (block + 1) * nr))))


def is_empty(bits: Sequence[int]) -> bool:
    """Is no frame in use? One just freed is on a list of its CPU's and has no flag at all; most have to be BUDDY."""
    return all(flags in (0, _FREE) for flags in bits) and 2 * list(bits).count(_FREE) > len(bits)


def free_blocks_of_order9() -> int:
    """Free memory of the machine in pieces of order 9 (2 MiB with 4 KiB pages), larger ones counted as several."""
    with open("/proc/buddyinfo", encoding="ascii") as info:
        return count_order9(info.read())


def count_order9(text: str) -> int:
    rows = (re.split(r"zone\s+\w+\s+", line)[1].split() for line in text.splitlines() if "zone" in line)
    return sum(int(nr) << (order - _ORDER) for row in rows for order, nr in enumerate(row) if order >= _ORDER)
