"""One run of one case: prepare, baseline, hold, attempt, release, attempt again. Runs in its own process.

Page frame numbers before and after decide; control pages that were never held must have moved by the
same attempt, else nothing can be said. The outcome is `diagnosis.matching.outcome.judge`'s.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional

from diagnosis.matching import outcome
from probes.children.processes import Blocked
from probes.errors import Disturbed
from probes.kernel import pages, zones
from probes.kernel.tracing.trace import Trace
from probes.movers import choice, traces
from probes.movers.arena import affordable_bytes, pin_to_one_cpu
from probes.movers.attempts import Attempt, MoverChild
from probes.movers.usual import Mover
from probes.run import unprivileged
from probes.run.experiment import NR_PAGES, Case, Experiment, Surroundings

_PREPARE_TRIES = 3
_BASELINE_SECONDS = 10.0
_AFTER_RELEASE_SECONDS = 15.0
_LEAST_ATTEMPT_SECONDS = 0.5

Say = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    mover: str
    hold_seconds: float
    arena_bytes: int
    holder: str = "privileged"
    guest: bool = False
    spread: bool = False
    even_refused: bool = False


@dataclass
class Measured:
    """What a run has found so far. Absent is None; nothing stands at zero that was not counted."""

    area: str = "migrate_movable"
    control_nr: int = NR_PAGES
    control_moved: int = 0
    in_movable_area: bool = True
    reached: bool = True
    asleep: bool = False
    target_nr: int = NR_PAGES
    moved_by_hold: int = 0
    moved_while_held: int = 0
    moved_after_release: Optional[int] = None
    attempt: Optional[Attempt] = None
    blocked: Optional[Blocked] = None
    freed_seconds: Optional[float] = None
    operation: Dict[str, Any] = field(default_factory=dict)
    tries: Dict[str, int] = field(default_factory=dict)
    facts: Dict[str, Any] = field(default_factory=dict)


def run(case: Case, settings: Settings, say: Say) -> Dict[str, Any]:
    """The run as the envelope wants it, without its start. Raises CannotRun, Disturbed or OSError."""
    arena_bytes = affordable_bytes(settings.arena_bytes)
    parent, cpus = os.getppid(), pin_to_one_cpu()
    child = MoverChild(cpus)
    witness = trace = None
    try:
        trace = traces.start_trace(settings.mover, child)
        if settings.holder == "unprivileged":
            witness = unprivileged.Witness()
            child.look = witness.look_at
            unprivileged.become(parent, case.needs_namespace)
        experiment = case.experiment(Surroundings(settings.hold_seconds, cpus, settings.mover, settings.even_refused))
        try:
            experiment.start()
            mover = choice.make(settings.mover, child, arena_bytes, settings.spread, settings.guest)
            try:
                measured = _Run(experiment, mover, settings.hold_seconds, say, trace).measure()
            finally:
                mover.close()
        finally:
            experiment.close()
    finally:
        ended = child.close()
        if trace is not None:
            trace.close()
        if witness is not None:
            witness.close()
    if not ended:
        raise Disturbed("the mover still sleeps in D after everything was released")
    if settings.mover == "compaction" and not case.safe_on_a_host:
        # Its scanners may meet, or a folio of others end it, before the one that it would have to wait for.
        measured.reached = measured.attempt is None or not measured.attempt.returned
    return record(measured)


class _Run:
    def __init__(
        self, experiment: Experiment, mover: Mover, hold_seconds: float, say: Say, trace: Optional[Trace] = None
    ) -> None:
        self.trace = trace
        self.experiment = experiment
        self.mover = mover
        self.hold_seconds = hold_seconds
        self.say = say
        self.found = Measured()
        self.landed = True

    def measure(self) -> Measured:
        self._prepare()
        self.mover.protect(self.experiment.control)
        self.mover.keep(self.experiment.target)
        if self.mover.brings_back:
            self._baseline()
        self.say("holding 16 pages for up to %g s" % self.hold_seconds)
        before, began = self.experiment.frames(), time.monotonic()
        self.found.facts.update(self.experiment.hold(self.mover))
        held = self.experiment.frames()
        self._where(before, held)
        self._attempt_while_held(held, began + self.hold_seconds)
        self.found.facts["held_seconds"] = round(time.monotonic() - began, 3)
        self.say("releasing")
        released = time.monotonic()
        self.experiment.release()
        self._attempt_after_release(held, released)
        self.found.facts.update(self.mover.facts())
        self.found.facts.update(self.experiment.facts())
        return self.found

    def _prepare(self) -> None:
        for attempt in range(1, _PREPARE_TRIES + 1):
            self.mover.settle()
            self.say("staging memory" + (" (again: the pages landed badly)" if attempt > 1 else ""))
            self.experiment.prepare(self.mover)
            self.found.facts["nr_stagings"] = attempt
            self.landed = self.mover.fits(_known(pages.frames_of(self.experiment.control + self.experiment.target)))
            if self.landed:
                return

    def _baseline(self) -> None:
        """Where a page can come back, all must be seen to move before anything is held."""
        both = self.experiment.control + self.experiment.target
        if not both:
            return
        before = pages.frames_of(both)
        self.mover.attempt(both, _BASELINE_SECONDS, self.experiment.check)
        self.found.facts["nr_moved_at_baseline"] = pages.moved(before, pages.frames_of(both))

    def _where(self, before: List[Optional[int]], held: List[Optional[int]]) -> None:
        found = self.found
        frames = _known(held)
        if not frames:
            raise Disturbed("the target has no page frames")
        found.target_nr = len(held)
        found.moved_by_hold = pages.moved(before, held)
        kept_out = not self.landed and self.mover.is_kept_out(frames)
        if kept_out:
            found.facts["kept_out_of_the_area"] = True
        found.in_movable_area = self.experiment.in_movable_area() and not kept_out
        areas = zones.read()
        # Where the mover works on an area, pages that the hold itself moved out of it count where they were.
        found.area = self.mover.area((_known(before) if self.mover.operation() else []) or frames)
        names = {zone.name for zone in (zones.zone_of(frame, areas) for frame in frames) if zone}
        if len(names) == 1:
            found.facts["zone"] = names.pop()

    def _trace_is_whole(self) -> bool:
        """What lacks lines says of no page that it was not met, nor what came of it."""
        nr_lost = self.trace.nr_lost if self.trace is not None else 0
        if nr_lost:
            self.found.facts["nr_trace_events_lost"] = nr_lost
        return not nr_lost

    def _attempt_while_held(self, held: List[Optional[int]], end: float) -> None:
        control = self.experiment.control_frames()
        self.found.control_nr = len(control)
        earlier: Optional[Attempt] = None
        self.mover.note_frames(_known(control), _known(held))
        for attempt in range(1, self.mover.most_tries + 1):
            self.mover.arm(_unmoved(control, self.experiment.control_frames()) + _known(held))
            if attempt > 1 and time.monotonic() + self.mover.least_try_seconds > end:  # that has taken a while
                break
            left = max(_LEAST_ATTEMPT_SECONDS, end - time.monotonic())
            self.say("%s, with %d control pages beside (try %d)" % (self.mover.name, len(control), attempt))
            made = self._attempt(left)
            at_work = made.blocked is not None and not self.mover.sleeps(made.blocked)
            if at_work and earlier is not None:
                made = earlier  # one that the end of the hold cut says nothing; the one before it does
            else:
                self.found.tries["while_held"] = attempt
                self.found.reached = self._trace_is_whole() and self.mover.met_target()
            earlier = self.found.attempt = made
            self.found.blocked = made.blocked
            self.found.asleep = made.blocked is not None and self.mover.sleeps(made.blocked)
            experiment, confirmed = self.experiment, self.mover.confirmed
            self.found.control_moved = confirmed(experiment.control, experiment.control_moved(control))
            self.found.moved_while_held = confirmed(experiment.target, experiment.moved_while_held(held))
            # A control page that stayed means that targets ran short, so the target may not have been tried in
            # earnest either: with -ENOMEM, migrate_pages_sync() does not get to the pass that waits (6.18).
            counted = (self.found.control_moved, len(control), self.found.moved_while_held, len(held))
            self.say("moved %d of %d control pages, and %d of %d that are held" % counted)
            enough = self.found.control_moved == len(control)
            if enough or at_work or not made.returned or time.monotonic() + self.mover.least_try_seconds > end:
                break
        self._note_operation("while_held", made.returned)
        self.experiment.check()
        if self.found.blocked is not None:
            self.say("the mover has not come back: %s" % _where_blocked(self.found.blocked))

    def _note_operation(self, when: str, returned: bool) -> None:
        """What came of the latest attempt as a whole. One that has not come back has not succeeded."""
        self.mover.conclude()
        seen = self.mover.operation()
        if seen is None:
            return
        self.found.operation["name"] = seen.name
        if seen.before is not None:
            self.found.operation["before"] = seen.before
        succeeded = seen.latest if returned else False
        if succeeded is not None:
            self.found.operation[when] = succeeded

    def _attempt(self, seconds: float) -> Attempt:
        addresses = self.experiment.control + self.experiment.target
        return self.mover.attempt(addresses, seconds, self.experiment.check)

    def _attempt_after_release(self, held: List[Optional[int]], released: float) -> None:
        """First what the blocked mover does on its way out, then attempts of our own."""
        found, experiment, child = self.found, self.experiment, self.mover.child
        was_blocked = child.busy
        if child.busy and child.wait(_AFTER_RELEASE_SECONDS, experiment.check) is None:
            raise Disturbed("the mover did not come back within %g s of the release" % _AFTER_RELEASE_SECONDS)
        if not experiment.releases:
            return
        found.freed_seconds = time.monotonic() - released
        if was_blocked:
            self._note_operation("after_release", True)
        found.moved_after_release = self._moved_after_release(held)
        found.tries["after_release"] = 0
        while 2 * found.moved_after_release < found.target_nr and found.tries["after_release"] < self.mover.most_tries:
            found.tries["after_release"] += 1
            if found.tries["after_release"] > 1:
                self.mover.settle()
            self.say("%s again (try %d)" % (self.mover.name, found.tries["after_release"]))
            self.mover.arm(_unmoved(held, pages.frames_of(experiment.target)))
            if not self._attempt(_AFTER_RELEASE_SECONDS).returned:
                raise Disturbed("the mover did not come back within %g s, with nothing held" % _AFTER_RELEASE_SECONDS)
            found.freed_seconds = time.monotonic() - released
            self._note_operation("after_release", True)
            found.moved_after_release = self._moved_after_release(held)

    def _moved_after_release(self, held: List[Optional[int]]) -> int:
        return self.mover.confirmed(self.experiment.target, self.experiment.moved_after_release(held))


def _known(frames: List[Optional[int]]) -> List[int]:
    return [frame for frame in frames if frame is not None]


def _unmoved(before: List[Optional[int]], now: List[Optional[int]]) -> List[int]:
    """The frames of pages that have not moved yet. What has moved is no target: it lies above the free ones already."""
    return sorted(set(_known(before)) & set(_known(now)))


def _where_blocked(blocked: Blocked) -> str:
    return "state %s in %s" % (blocked.state, blocked.wchan or (blocked.stack or ["an unknown place"])[0])


def record(found: Measured) -> Dict[str, Any]:
    """The numbers, with the outcome that they have, in the envelope's words."""
    attempt = found.attempt
    assert attempt is not None
    if attempt.blocked is not None and not found.asleep:
        # The judge reads "did not return" as "slept"; a mover that was still at work has shown neither.
        text = "the mover was still at work when the hold ended: %s"
        raise Disturbed(text % _where_blocked(attempt.blocked))
    slug, reason = outcome.judge(
        outcome.Count(
            control_nr=found.control_nr,
            control_moved=found.control_moved,
            target_nr=found.target_nr,
            moved_by_hold=found.moved_by_hold,
            moved_while_held=found.moved_while_held,
            moved_after_release=found.moved_after_release,
            returned=attempt.returned,
            in_movable_area=found.in_movable_area,
            reached=found.reached,
            operation_held=found.operation.get("while_held"),
            operation_released=found.operation.get("after_release"),
        )
    )
    made: Dict[str, Any] = {
        "area": found.area,
        "outcome": slug,
        "reason": reason,
        "control": {"nr_pages": found.control_nr, "nr_moved": found.control_moved},
        "target": {
            "nr_pages": found.target_nr,
            "nr_moved_by_hold": found.moved_by_hold,
            "nr_moved_while_held": found.moved_while_held,
        },
        "attempt": {"returned": attempt.returned},
        "tries": found.tries,
        "vmstat": attempt.vmstat,
        "facts": found.facts,
    }
    if not found.reached and slug == "inconclusive":
        made["target"]["reached"] = False
    if not found.in_movable_area:
        made["target"]["in_movable_area"] = False
    if found.operation:
        made["operation"] = found.operation
    if found.moved_after_release is not None:
        made["target"]["nr_moved_after_release"] = found.moved_after_release
    if attempt.seconds is not None:
        made["attempt"]["seconds"] = round(attempt.seconds, 4)
    if found.blocked is not None:
        made["blocked"] = {"state": found.blocked.state, "wchan": found.blocked.wchan, "stack": found.blocked.stack}
    stayed = 2 * found.moved_while_held < found.target_nr  # what moved while held was not freed by the release
    if stayed and found.freed_seconds is not None and 2 * (found.moved_after_release or 0) >= found.target_nr:
        made["freed_seconds"] = round(found.freed_seconds, 4)
    return made
