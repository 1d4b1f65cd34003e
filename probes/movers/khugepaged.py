"""khugepaged: the kernel's thread that copies small folios into a huge one. It migrates nothing.

It goes through the memory of all tasks that are registered with it, 2 MiB after 2 MiB, and gives a range up at the
first folio that it cannot have (mm/khugepaged.c, collapse_scan_pmd and collapse_scan_file of 7.3; with hpage_ in front
up to 6.12). So control and target lie in a range each, and what it says of each is read from its tracepoints.
"""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Dict, List, Sequence, Tuple

from probes.errors import CannotRun, Disturbed
from probes.kernel import pages, syscalls
from probes.kernel.tracing.collapse import OF_A_HOLD, statuses
from probes.movers.attempts import THP, Attempt, MoverChild
from probes.movers.usual import Mover

_RANGE_PAGES = (2 << 20) // syscalls.PAGE
_RANGE_BYTES = 2 << 20
# The scan that an attempt begins in may be past our memory; two whole ones follow.
_NR_SCANS = 3
_SETTING_SECONDS = 10.0
# The process waits so much longer than we do: what a hold kept up comes back soon after the release.
_LATE_SECONDS = 30.0
_SETTINGS = (
    ("enabled", "madvise"),  # nobody's memory but ours
    ("shmem_enabled", "advise"),
    ("khugepaged/defrag", "1"),
    ("khugepaged/max_ptes_none", str(_RANGE_PAGES - 1)),  # one page that is there is enough
    ("khugepaged/alloc_sleep_millisecs", "100"),
    ("khugepaged/pages_to_scan", "65536"),  # all in one go
)


class Khugepaged(Mover):
    name = "khugepaged"
    range_pages = _RANGE_PAGES
    most_tries = 5
    least_try_seconds = 3.0

    def __init__(self, child: MoverChild) -> None:
        super().__init__(child)
        if child.trace is None:
            raise CannotRun("%s is measured with tracepoints, in a throw-away guest" % self.name)
        self.trace = child.trace
        self.kept: List[Tuple[str, str]] = []
        self.registered = 0
        self.frames: Dict[str, List[int]] = {}
        self.said: Dict[str, List[Dict[str, int]]] = {"control": [], "target": []}
        self.nr_huge: Dict[str, List[int]] = {"control": [], "target": []}
        self.nr_full_scans: List[int] = []

    def stage(self, nr_pages: int) -> None:
        """The settings come first: who asks for huge pages is registered only where they are to be had."""
        if self.registered:
            return
        self.kept = [(THP + name, _setting(THP + name)) for name, _ in _SETTINGS]
        self._set([(THP + name, text) for name, text in _SETTINGS])
        # A fault for a huge page registers its task in all kernels. An advice does not in 6.1, where it asks whether
        # the memory is as it was advised before (mm/shmem.c, shmem_is_huge, from hugepage_madvise).
        self.registered = syscalls.map_aligned(_RANGE_PAGES)
        syscalls.advise(self.registered, _RANGE_PAGES, syscalls.MADV_HUGEPAGE)
        syscalls.fill(self.registered, 1)

    def _set(self, settings: Sequence[Tuple[str, str]]) -> None:
        self.child.ask({"mover": "settings", "settings": list(settings)}, _SETTING_SECONDS, lambda: None)

    def fits(self, frames: Sequence[int]) -> bool:
        return bool(frames)

    def note_frames(self, control: Sequence[int], target: Sequence[int]) -> None:
        self.frames = {"control": list(control), "target": list(target)}

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        """`addresses`: those of the control, then those of the target. Only now do they want huge pages."""
        starts = sorted({address // _RANGE_BYTES * _RANGE_BYTES for address in addresses})
        for start in starts:
            syscalls.advise(start, _RANGE_PAGES, syscalls.MADV_HUGEPAGE)
        self.trace.skip()
        order = {"mover": self.name, "nr_scans": _NR_SCANS, "seconds": seconds + _LATE_SECONDS}
        made = self.child.ask(order, seconds, check)
        if made.returned:
            self.nr_full_scans.append(self.child.answer["nr_full_scans"])
            for address in addresses:  # page cache is mapped no more, whether it was collapsed or only tried
                syscalls.touch(address, 1)
        self._read(addresses, starts)
        return made

    def _read(self, addresses: Sequence[int], starts: Sequence[int]) -> None:
        text = self.trace.new()
        half = len(addresses) // 2
        for name, some in (("control", addresses[:half]), ("target", addresses[half:])):
            start = some[0] // _RANGE_BYTES * _RANGE_BYTES
            frames = set(self.frames.get(name, []))
            self.said[name].append(statuses(text, frames, range(start, start + _RANGE_BYTES)))
            now = [frame for frame in pages.frames_of(some) if frame is not None]
            thp = 1 << pages.FLAGS["THP"]
            self.nr_huge[name].append(sum(1 for bits in pages.flag_bits(now) if bits & thp))

    def met_target(self) -> bool:
        """Did the latest attempt give up at a folio of the target, for a reason that can come from a hold? By any other
        reason the frame that it names is merely the last one that it looked at."""
        return bool(self.said["target"]) and any(told.split()[1] in OF_A_HOLD for told in self.said["target"][-1])

    def facts(self) -> Dict[str, Any]:
        made: Dict[str, Any] = {"nr_full_scans_per_try": " ".join(str(number) for number in self.nr_full_scans)}
        for name in ("control", "target"):
            made["khugepaged_at_%s_per_try" % name] = "; ".join(_told(said) for said in self.said[name])
            made["nr_%s_pages_in_huge_per_try" % name] = " ".join(str(number) for number in self.nr_huge[name])
        return made

    def close(self) -> None:
        if self.registered:
            syscalls.unmap_pages(self.registered, _RANGE_PAGES)
            self.registered = 0
        if self.child.busy:
            with contextlib.suppress(Disturbed, OSError):  # that it was interrupted, or is gone
                self.child.interrupt()
                # Where it is root's and we are not it minds no signal of ours, but comes to its own end.
                self.child.wait(_LATE_SECONDS + _SETTING_SECONDS, lambda: None)
        if self.kept and not self.child.busy:
            with contextlib.suppress(Disturbed, OSError):  # its process is gone; the run says so by itself
                self._set(self.kept)


def _setting(path: str) -> str:
    """As it is written back: of several words the one in brackets."""
    with open(path, encoding="ascii") as file:
        text = file.read().strip()
    return text.partition("[")[2].partition("]")[0] or text


def _told(said: Dict[str, int]) -> str:
    return ", ".join("%s %d" % pair for pair in sorted(said.items())) or "nothing"
