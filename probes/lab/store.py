"""What the lab keeps: a report for each case, mover and sitting, by kernel. A rerun goes on from there."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import List, Tuple

from diagnosis.formats import envelope
from diagnosis.formats.faults import Unreadable
from probes.lab.guest import Job

# What the next sitting need not measure again: an inconclusive run is a result, one that failed or was cut is none.
_NO_RESULT = ("error",)


class Store:
    """The reports of one kernel under one label."""

    def __init__(self, folder: Path, release: str, label: str) -> None:
        name = release + ("-" + re.sub(r"[^A-Za-z0-9.+_-]+", "-", label).strip("-") if label else "")
        self.folder = folder / ("guest-" + name)

    def nr_runs(self, job: Job) -> int:
        """Runs that are there, with a result. A file that cannot be read counts as none."""
        return sum(_runs_with_result(path) for path in self.reports(job))

    def reports(self, job: Job) -> List[Path]:
        first = self.folder / (job.id + ".json")
        return [path for path in [first, *sorted(self.folder.glob(job.id + ".[0-9]*.json"))] if path.exists()]

    def missing(self, wanted: List[Job]) -> List[Job]:
        """What is still to be measured."""
        left = (replace(job, repeat=job.repeat - self.nr_runs(job)) for job in wanted)
        return [job for job in left if job.repeat > 0]

    def keep(self, job: Job, body: bytes) -> Path:
        """Raises Unreadable where the body is no report of this format."""
        envelope.read(body)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._free_name(job)
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(json.loads(body), indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
        os.replace(beside, path)
        return path

    def _free_name(self, job: Job) -> Path:
        """An older report that had no result gives way; others stay, and this one gets a number."""
        for number in range(1, 1000):
            ending = "" if number == 1 else ".%d" % number
            path = self.folder / ("%s%s.json" % (job.id, ending))
            if not path.exists() or not _runs_with_result(path):
                return path
        raise FileExistsError("no name left for %s in %s" % (job.id, self.folder))


def _runs_with_result(path: Path) -> int:
    try:
        runs = envelope.read(path.read_bytes()).runs
    except (OSError, Unreadable):
        return 0
    return sum(1 for run in runs if run.outcome not in _NO_RESULT)


def counts(path: Path) -> List[Tuple[str, int]]:
    """Outcomes with how often each, for one line on the screen."""
    outcomes = [run.outcome for run in envelope.read(path.read_bytes()).runs]
    return [(name, outcomes.count(name)) for name in dict.fromkeys(outcomes)]
