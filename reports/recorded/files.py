"""Recorded reports: real ones, made for this project on real kernels, and replayed like any other.

data/recorded/MACHINE/NAME.json.gz holds, packed so that the same report gives the same bytes,
{"recorded_at": RFC 3339, "kernel": what `uname -r` printed, "command": what measures it again, "report": the envelope}.
"""

from __future__ import annotations

import gzip
import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from diagnosis.formats import envelope
from probes.cases import CASES

FOLDER = settings.BASE_DIR / "data" / "recorded"
ENDING = ".json.gz"
_SPREAD_FACT = "nr_target_blocks"


@dataclass(frozen=True)
class Recording:
    """One file. `body` is the report as it is sent."""

    machine: str
    recorded_at: datetime
    kernel: str
    command: str
    body: bytes

    @property
    def run_id(self) -> str:
        return str(json.loads(self.body)["run_id"])


def paths(folder: Path = FOLDER) -> list[Path]:
    return sorted(folder.glob("*/*" + ENDING))


def every(folder: Path = FOLDER) -> Iterator[Recording]:
    return (read(path) for path in paths(folder))


def read(path: Path) -> Recording:
    """Raises OSError, ValueError or KeyError where the file is not whole."""
    told = json.loads(gzip.decompress(path.read_bytes()))
    return Recording(
        machine=path.parent.name,
        recorded_at=datetime.fromisoformat(told["recorded_at"]),
        kernel=told["kernel"],
        command=told["command"],
        body=json.dumps(told["report"]).encode(),
    )


def packed(report: Mapping[str, Any], command: str) -> bytes:
    """The file for a report. Raises diagnosis.formats.faults.Unreadable where the site would not take it."""
    envelope.read(json.dumps(report).encode())
    told = {
        "recorded_at": report["started_at"],
        "kernel": report["kernel"]["release"],
        "command": command,
        "report": report,
    }
    text = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def is_spread(run: Mapping[str, Any]) -> bool:
    """Was there one held page a pageblock?"""
    return _SPREAD_FACT in run.get("facts", {})


def command_for(report: Mapping[str, Any], kernel: str = "") -> str:
    """What measures the same again. `kernel`: what the lab was asked for; empty for a machine of one's own."""
    runs = report["runs"]
    case, mover = runs[0]["case"], runs[0]["mover"]
    made = ["probe.pyz", "lab", kernel, "--cases", case] if kernel else ["probe.pyz", "run", case]
    if any(map(is_spread, runs)):
        made += ["--spread"]
    else:
        made += ["--movers" if kernel else "--mover", mover]
    if any(run.get("holder") == "unprivileged" for run in runs):
        made += ["--holder", "unprivileged"]
    made += ["--repeat", str(len(runs))]
    if report["kernel"].get("label"):
        made += ["--label", report["kernel"]["label"]]
    if not kernel and case in CASES and not CASES[case].safe_on_a_host:
        made += ["--on-this-host"]
    return shlex.join(made)
