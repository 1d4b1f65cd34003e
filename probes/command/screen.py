"""What people read: what will be done, how it goes, what came out."""

from __future__ import annotations

import os
import textwrap
from typing import Any, Dict, List, Sequence

from diagnosis.words import vocabulary
from probes.command.check import Machine
from probes.run.experiment import HOLD_CLASSES, Case

_FIRST = {"compaction": "sync(2), since dirty data of others can stop compaction; then take scratch memory, bounded"}


def case_line(case: Case) -> str:
    where = "" if case.safe_on_a_host else "; only in a guest, or with --on-this-host"
    return "%-26s %s\n%26s hold: %s%s" % (case.slug, case.title, "", case.hold_class, where)


def machine_lines(machine: Machine) -> List[str]:
    timeout = machine.hung_task_timeout_seconds
    return [
        "kernel       %s, %d memory node%s"
        % (os.uname().release, machine.nr_nodes, "" if machine.nr_nodes == 1 else "s"),
        "root         %s" % _yes(machine.root),
        "/dev/fuse    %s" % _yes(machine.fuse),
        "compaction   %s" % _yes(machine.compaction),
        "hung tasks   panic %s, timeout %s" % (_or_none(machine.hung_task_panic), _or_none(timeout, " s")),
        "scratch      %s" % (machine.why_no_arena or "up to %d MiB" % (machine.arena_bytes >> 20)),
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _or_none(value: object, unit: str = "") -> str:
    return "not in this kernel" if value is None else "%s%s" % (value, unit)


def plan_lines(case: Case, mover: str, hold_seconds: float, repeat: int) -> List[str]:
    times = "once" if repeat == 1 else "%d times" % repeat
    lines = ["%s: %s" % (case.slug, case.title)]
    for name, text in (
        ("will", "%s, %s, by %s, holding for up to %g s" % (case.will_do, times, mover, hold_seconds)),
        ("first", _FIRST.get(mover, "")),
        ("meanwhile", "%s (%s)" % (case.side_effects, HOLD_CLASSES[case.hold_class])),
        ("afterwards", case.cleans_up),
    ):
        lines += textwrap.wrap(text, 96, initial_indent="  %-11s" % name, subsequent_indent=" " * 13)
    return lines


def result_lines(run: Dict[str, Any]) -> List[str]:
    """One run, small enough to be read at a glance."""
    outcome = vocabulary.look_up(vocabulary.OUTCOMES, run["outcome"])
    lines = ["", "%s by %s: %s. %s" % (run["case"], run["mover"], outcome.label.upper(), outcome.meaning)]
    lines += _rows(_numbers(run))
    blocked = run.get("blocked")
    if blocked:
        lines.append("  blocked     state %s in %s" % (blocked["state"], blocked["wchan"] or "an unknown place"))
        lines += ["                " + frame for frame in blocked["stack"][:12]]
    return lines


def _numbers(run: Dict[str, Any]) -> Dict[str, str]:
    told = {"why": run.get("reason", "")}
    if "control" in run:
        told["control"] = "%(nr_moved)d of %(nr_pages)d pages moved" % run["control"]
        target = run["target"]
        told["held"] = "%(nr_moved_while_held)d of %(nr_pages)d pages moved" % target
        if "nr_moved_after_release" in target:
            told["released"] = "%(nr_moved_after_release)d of %(nr_pages)d pages moved" % target
        attempt = run["attempt"]
        told["mover"] = "came back after %.3f s" % attempt["seconds"] if "seconds" in attempt else "did not come back"
    if "freed_seconds" in run:
        told["freed"] = "%.3f s after the release" % run["freed_seconds"]
    flags = run.get("facts", {}).get("held_folio_flags")
    if flags:
        told["folio"] = flags
    return told


def _rows(told: Dict[str, str]) -> List[str]:
    return ["  %-11s %s" % (name, text) for name, text in told.items() if text]


def summary_lines(runs: Sequence[Dict[str, Any]]) -> List[str]:
    """How often which outcome, a line for each case that ran more than once."""
    lines = []
    for slug in dict.fromkeys(run["case"] for run in runs):
        mine = [run["outcome"] for run in runs if run["case"] == slug]
        if len(mine) > 1:
            counts = (
                vocabulary.counted(mine.count(name), vocabulary.look_up(vocabulary.OUTCOMES, name))
                for name in vocabulary.OUTCOMES
                if name in mine
            )
            lines.append("%s: %d runs: %s" % (slug, len(mine), ", ".join(counts)))
    return ["", *lines] if lines else []
