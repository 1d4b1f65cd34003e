"""Reclaim that moves cold folios to slower memory: mm/vmscan.c, shrink_folio_list and demote_folio_list.

It runs in MIGRATE_ASYNC and passes by what it would have to wait for, so that coming back says nothing by itself. The
probe therefore has its pages in a memory cgroup of their own. Where one eviction has taken off the upper node's lists,
and put back, as many pages as are there in the end, it has met each of them, the target among them. Where the run's own
heap grew meanwhile the run says nothing. Migrations that failed are no such number: an eviction tries a page twice that
it has unmapped (evict_folios), and which pages failed is not told. What is put back goes to the two youngest
generations, which are not evicted (include/linux/mm_inline.h, lru_gen_add_folio); on 7.3 not so a page of a file that
was used through a descriptor, which may be met twice. MADV_COLD takes that mark off what is mapped.

What cannot be demoted may be reclaimed, and is read anew then. So a page counts as moved only if it is on the lower
node.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Callable, Collection, Dict, List, Optional, Sequence, Set

from probes.children.processes import Blocked
from probes.errors import CannotRun, Disturbed
from probes.kernel import pages, syscalls, zones
from probes.kernel.tracing.migration import modes, nr_migrated
from probes.kernel.tracing.reclaim import most_kept, nr_in_writeback
from probes.kernel.tracing.trace import Trace
from probes.movers.attempts import Attempt, MoverChild
from probes.movers.demoting import cold, tiers
from probes.movers.usual import Mover

_JOIN_SECONDS = 10.0


class Demotion(Mover):
    name = "demotion"
    most_tries = 3
    least_try_seconds = 1.0

    def __init__(self, child: MoverChild) -> None:
        super().__init__(child)
        if child.trace is None:
            raise CannotRun("%s is measured with tracepoints, in a throw-away guest" % self.name)
        self.trace: Trace = child.trace
        self.node, self.lower = tiers.upper_and_lower()
        self.zones = [zone for zone in zones.read() if zone.node == self.node]
        self.frames: List[int] = []
        self.kinds: Set[str] = set()
        self.met: List[bool] = []
        self.tries: List[Dict[str, Any]] = []
        self.modes: Dict[str, int] = {}
        self._ask({"what": "join"}, _JOIN_SECONDS, lambda: None)
        if "cannot" in child.answer:
            raise CannotRun("pages cannot be had demoted: %s" % child.answer["cannot"])

    def stage(self, nr_pages: int) -> None:
        syscalls.bind_memory(self.node)

    def steer(self, nr_pages: int) -> Collection[int]:
        syscalls.bind_memory(self.node)
        return range(min(zone.start for zone in self.zones), max(zone.end for zone in self.zones))

    def fits(self, frames: Sequence[int]) -> bool:
        return bool(frames) and all(self._is_upper(frame) for frame in frames)

    def note_frames(self, control: Sequence[int], target: Sequence[int]) -> None:
        """What was just allocated may be in a batch of this CPU, and not on the LRU, until that is full."""
        self.frames = list(target)
        syscalls.bind_memory(None)
        cold.drain_this_cpu()

    def arm(self, frames: Sequence[int]) -> None:
        """After the release what has to be met is what has not moved yet."""
        if self.tries:
            self.frames = list(frames)
        cold.drain_this_cpu()

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        self.kinds = lists_of(pages.flag_bits(self.frames))
        self.trace.skip()
        order = {"what": "demote", "node": self.node, "addresses": list(addresses), "frames": self.frames}
        made = self._ask(order, seconds, check)
        if made.returned:
            self._note(self.trace.new(), self.child.answer)
            self._map_again(addresses)
        return made

    def met_target(self) -> bool:
        """Has the latest attempt met all that is on the target's list still?"""
        return bool(self.met) and self.met[-1]

    def confirmed(self, addresses: Sequence[int], nr_moved: int) -> int:
        """Of those that have another frame now, how many can have come to it by a demotion. None of what is mapped
        nowhere: on which node that is cannot be asked."""
        if not addresses:
            return 0
        return min(nr_moved, sum(1 for node in syscalls.nodes_of(addresses) if node in self.lower))

    def sleeps(self, blocked: Blocked) -> bool:
        """Reclaim may sleep in D to let writeback get on, which says nothing of what is held."""
        return blocked.sleeps() and any(line.startswith("migrate_pages") for line in blocked.stack)

    def facts(self) -> Dict[str, Any]:
        per_try = {
            "%s_per_try" % name: " ".join(str(one[name]) for one in self.tries)
            for name in (self.tries[0] if self.tries else {})
        }
        return {
            **per_try,
            "tiers": " > ".join(",".join(map(str, nodes)) for nodes in tiers.tiers()),
            "migrate_modes_traced": ", ".join("%s %d" % pair for pair in sorted(self.modes.items())) or "none",
        }

    def close(self) -> None:
        syscalls.bind_memory(None)
        if self.child.busy:
            return
        with contextlib.suppress(Disturbed, OSError):  # its process may have ended, which is told already
            self._ask({"what": "leave"}, _JOIN_SECONDS, lambda: None)

    def _ask(self, order: Dict[str, Any], seconds: float, check: Callable[[], None]) -> Attempt:
        return self.child.ask({"mover": self.name, "pid": os.getpid(), **order}, seconds, check)

    def _note(self, text: str, answer: Dict[str, Any]) -> None:
        kept, left, charged = most_kept(text), answer["nr_left"], answer["nr_charged"]
        demoted, failed = nr_migrated(text, "demotion")
        self.tries.append(
            {
                "nr_demoted": demoted,
                "nr_migrations_failed": failed,
                "nr_in_writeback_met": nr_in_writeback(text),
                **{"nr_%s_put_back" % kind: kept[kind] for kind in kept},
                **{"nr_%s_left" % kind: left[kind] for kind in left},
                "nr_frames_of_the_group": charged,
                "nr_pages_made_cold": answer["nr_cold"],
            }
        )
        listed = charged == len(self.frames) and "none" not in self.kinds
        self.met.append(listed and all(kept[kind] >= left[kind] for kind in self.kinds))
        for name, nr in modes(text).items():
            self.modes[name] = self.modes.get(name, 0) + nr

    def _map_again(self, addresses: Sequence[int]) -> None:
        """Reclaim unmaps page cache before it finds that it cannot be had. What is in memory still is mapped again;
        what is not would have to be read, which may wait for the release."""
        for address in addresses:
            if syscalls.nodes_of([address])[0] < 0 and syscalls.is_cached(address):
                syscalls.touch(address, 1)

    def _is_upper(self, frame: int) -> bool:
        found: Optional[zones.Zone] = zones.zone_of(frame, self.zones)
        return found is not None


def lists_of(bits: Sequence[int]) -> Set[str]:
    """On which of a node's lists these folios are: `anon`, which is also for shared memory, `file`, or `none`."""
    return {_list_of(each) for each in bits}


def _list_of(bits: int) -> str:
    if not bits >> pages.FLAGS["LRU"] & 1:
        return "none"
    return "anon" if bits >> pages.FLAGS["SWAPBACKED"] & 1 else "file"
