"""What a case brings: the facts about it, and the steps that hold its pages and let them go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from probes.errors import CannotRun
from probes.kernel import pages, syscalls
from probes.movers.usual import NR_PAGES as NR_PAGES
from probes.movers.usual import Mover

# So many pages are allocated, on frames staged for them and for whoever gets in between on a busy CPU;
# the lowest become control and target.
POOL_PAGES = 4 * NR_PAGES
STAGED_PAGES = 6 * NR_PAGES

# How a case holds its pages, and so what a mover does that meets them.
HOLD_CLASSES = {
    "writeback": "a mover sleeps in D until the release",
    "page lock": "a mover sleeps in D until the release",
    "buffer lock": "a mover sleeps in D until the release",
    "reference": "a mover gives up, or tries again",
    "split": "a mover gives up where it would have to split the folio",
    "setting": "compaction leaves it alone where a setting says so; others move it",
    "refusal": "a mover gives up",
    "no target": "a mover gives up: there is no free memory of the size that it needs",
    "batch": "a mover that drains the batches first moves it; others skip it",
}
_OTHERS_MAY_SLEEP = ("writeback", "page lock", "buffer lock")


@dataclass(frozen=True)
class Surroundings:
    """What a run gives to a case. `cpus`: for helper processes; empty for no preference. `mover`: its name.

    `even_refused`: where the kernel refuses this user the means of the hold, go on without the hold, and say so.
    """

    hold_seconds: float
    cpus: Set[int]
    mover: str = ""
    even_refused: bool = False


class Experiment:
    """The steps of one run. `prepare` allocates the control and, where it can, the target.

    `control` and `target` are addresses in this process; pages at the former are never held.
    """

    # False where nothing but freeing the memory ends the hold; then nothing is tried after it.
    releases = True

    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self.refused = ""  # what the kernel refused, where a run goes on all the same
        self.control: List[int] = []
        self.target: List[int] = []

    def start(self) -> None:
        """Start helper processes, before anything is open that they should not inherit."""

    def prepare(self, mover: Mover) -> None:
        """Allocate. Called again, up to the run's number of tries, where the pages landed badly."""
        raise NotImplementedError

    def hold(self, mover: Mover) -> Dict[str, Any]:
        """Make the target unmigratable, and return facts that show it."""
        raise NotImplementedError

    def check(self) -> None:
        """Raises Disturbed where the hold is not what it should be."""

    def frames(self) -> List[Optional[int]]:
        """Where the target's pages are."""
        return pages.frames_of(self.target)

    def in_movable_area(self) -> bool:
        """False where it is known that the target, as it was held, is in no movable area at all."""
        return True

    def control_frames(self) -> List[Optional[int]]:
        return pages.frames_of(self.control)

    def control_moved(self, before: List[Optional[int]]) -> int:
        return pages.moved(before, self.control_frames())

    def moved_while_held(self, before: List[Optional[int]]) -> int:
        return pages.moved(before, self.frames())

    def refuse(self, error: CannotRun) -> None:
        """The means of the hold cannot be had: raise it, or go on without a hold where that is an answer."""
        if not self.surroundings.even_refused or not isinstance(error.__cause__, PermissionError):
            raise error
        self.refused = str(error)

    def facts(self) -> Dict[str, Any]:
        """What is known at the end of the run, beside what `hold` gave."""
        return {"hold_refused": self.refused} if self.refused else {}

    def release(self) -> None:
        raise NotImplementedError

    def moved_after_release(self, before: List[Optional[int]]) -> int:
        return pages.moved(before, self.frames())

    def close(self) -> None:
        """Undo everything, after any failure of any step, in an order in which nothing can block."""


@dataclass(frozen=True)
class Case:
    slug: str
    title: str
    hold_class: str
    needs_root: str
    devices: Tuple[str, ...]
    movers: Tuple[str, ...]
    will_do: str
    side_effects: str
    cleans_up: str
    experiment: Callable[[Surroundings], Experiment]
    # Why it must not run on a machine in use, whatever is allowed; empty where it may.
    guests_only: str = ""
    # What the lab boots to show it: the newest kernel, but where the fault is mended in that.
    lab_kernel: str = "trixie-backports"
    # The file system that the kernel must have, and the modules that bring it.
    filesystem: str = ""
    modules: str = ""
    # Why the hold cannot be made without privilege here; empty where it can.
    why_privileged: str = ""
    # Has its experiment an answer to `even_refused`?
    can_be_refused: bool = False
    # Does it take a user namespace of one's own to make it without privilege?
    needs_namespace: bool = False

    @property
    def safe_on_a_host(self) -> bool:
        """Can nobody else come to sleep in D through it?"""
        return self.hold_class not in _OTHERS_MAY_SLEEP

    @property
    def command(self) -> str:
        """What measures it: on a machine in use, or in a guest where it may run nowhere else."""
        if self.guests_only:
            return "python3 probe.pyz lab %s --cases %s" % (self.lab_kernel, self.slug)
        return "sudo python3 probe.pyz run " + self.slug + ("" if self.safe_on_a_host else " --on-this-host")


def chosen(addresses: List[int], sleeps: bool = False) -> Tuple[List[int], List[int]]:
    """Control and target out of the pool, which are the lowest frames and the next.

    Compaction goes upwards. So the control is the upper one: where that has moved, the target was passed, and one that
    stayed was not just never reached. `sleeps`: the mover is to fall asleep at the target, and comes no further. Then
    the control is the lower one, and whether the target was reached is seen in that the mover did not come back. The
    target is then the uppermost: compaction isolates 32 pages and moves them in whichever order (6.1.176: highest
    first), so a control among the same 32 would stay as well.
    """
    frames = dict(zip(addresses, pages.frames_of(addresses)))
    mapped = [address for address in addresses if frames[address] is not None]
    mapped.sort(key=lambda address: frames[address] or 0)
    lower, rest = mapped[:NR_PAGES], mapped[NR_PAGES:]
    return (lower, rest[-NR_PAGES:]) if sleeps else (rest[:NR_PAGES], lower)


def span(address: int, nr_pages: int) -> List[int]:
    return [address + index * syscalls.PAGE for index in range(nr_pages)]
