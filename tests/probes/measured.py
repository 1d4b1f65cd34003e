"""What a real run measured. If nothing: why, by the probe's own word, and whether the machine was fit for it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

# Above either a hold of seconds may run out of its time, or find no free memory to move to.
MOST_LOAD_OF_A_CPU = 2.0
LEAST_AVAILABLE_MB = 200


def run_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The run as it would be sent. One that ended in an error, or was skipped, fails here with all that is known."""
    told = done.stderr[-2000:]
    assert done.stdout, f"the probe ended with {done.returncode} and no report: {told}\n{fitness(*state_of_machine())}"
    sent: dict[str, Any] = json.loads(done.stdout)["runs"][0]
    if sent["outcome"] in ("error", "skipped"):
        reason = sent.get("reason", "it gave no reason")
        raise AssertionError(f"{sent['outcome']}: {reason}\n{fitness(*state_of_machine())}\nIt said: {told}")
    return sent


def state_of_machine() -> tuple[float, int]:
    """The load of each CPU over the last minute, and the MB that are available."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    return os.getloadavg()[0] / (os.cpu_count() or 1), available >> 10


def fitness(load_of_a_cpu: float, available_mb: int) -> str:
    measured = f"load {load_of_a_cpu:.1f} on each CPU, {available_mb} MB available"
    if load_of_a_cpu > MOST_LOAD_OF_A_CPU or available_mb < LEAST_AVAILABLE_MB:
        return f"The machine is not fit for it ({measured}): run it again with nothing beside it."
    return f"The machine is fit for it ({measured}): suspect the probe."
