"""bench.chaos, short: everything that was acknowledged is there once, whatever was killed meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.running import ROOT

pytestmark = pytest.mark.processes


def test_nothing_acknowledged_is_lost_or_doubled_while_everything_is_killed_in_turn() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("UNMIGRATABLE_", "DATABASE_", "CELERY_"))}
    command = [sys.executable, "-m", "bench.chaos", "--reports", "600", "--per-second", "30", "--every", "3"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "the ledger adds up, nothing twice, nothing lost" in done.stdout
    killed = next(line for line in done.stdout.splitlines() if line.startswith("killed:"))
    assert all(name in killed for name in ("worker", "web", "broker", "postgres")), killed
