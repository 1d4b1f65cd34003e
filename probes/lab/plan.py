"""Which cases go with which movers into which guests, and why some do not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from probes.lab.guest import SHAPES, Job, Shape
from probes.lab.kernels import Kernel
from probes.movers.choice import reaching
from probes.run.experiment import Case

_MOST_JOBS = 8


@dataclass(frozen=True)
class Guest:
    """One boot."""

    shape: Shape
    jobs: Tuple[Job, ...]


def jobs(
    cases: Iterable[Case],
    movers: Optional[Sequence[str]],
    repeat: int,
    spread: bool = False,
    holder: str = "privileged",
    even_refused: bool = False,
) -> List[Job]:
    """Each case with each mover that can reach its pages. `spread`: with one held page a pageblock, by compaction."""
    if spread:
        return [Job(case.slug, "compaction", repeat, True) for case in cases if "compaction" in case.movers]
    booted = [mover for shape in SHAPES for mover in shape.movers]
    return [
        Job(case.slug, mover, repeat, holder=holder, even_refused=even_refused and case.can_be_refused)
        for case in cases
        for mover in booted
        if mover in reaching(case.movers) and (movers is None or mover in movers)
    ]


def without(wanted: Iterable[Job], kernel: Kernel) -> "Tuple[List[Job], Dict[str, str]]":
    """What this kernel can show, and of the other movers the reason why not."""
    possible: List[Job] = []
    reasons: Dict[str, str] = {}
    for job in wanted:
        needs = job.shape.needs
        if needs is not None and kernel.has(needs) is False:
            reasons[job.mover] = "%s was built without CONFIG_%s" % (kernel.release, needs)
        else:
            possible.append(job)
    return possible, reasons


def guests(wanted: Iterable[Job], cases: Dict[str, Case], each_boots: bool = False) -> List[Guest]:
    """One boot for each job that can leave others asleep; the rest in batches, those of one case together.

    `each_boots`: a run a boot, so that runs of one job are independent of each other.
    """
    if each_boots:
        wanted = list(wanted)
        most = max((job.repeat for job in wanted), default=0)
        rounds = ([replace(job, repeat=1) for job in wanted if job.repeat > number] for number in range(most))
        return [made for jobs_once in rounds for made in guests(jobs_once, cases)]
    made: List[Guest] = []
    batches: Dict[str, List[Job]] = {}
    for job in wanted:
        shape = job.shape
        if not cases[job.case].safe_on_a_host:
            made.append(Guest(shape, (job,)))
            continue
        batches.setdefault(shape.name, []).append(job)
    for batch in batches.values():
        for start in range(0, len(batch), _MOST_JOBS):
            part = batch[start : start + _MOST_JOBS]
            made.append(Guest(part[0].shape, tuple(part)))
    return made
