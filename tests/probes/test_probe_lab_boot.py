"""One real guest, from the command line to the report, where the machine has what it takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagnosis.formats import envelope
from probes.lab import tools

KERNEL = "LAB_KERNEL"


@pytest.mark.lab
def test_a_guest_boots_and_reports(probe: Callable[..., Any], tmp_path: Path) -> None:
    lacking = tools.missing([tools.QEMU, tools.BUSYBOX, "ldd"])
    if lacking:
        pytest.skip("a guest needs %s, which this machine lacks" % " and ".join(lacking))
    if not os.environ.get(KERNEL):
        pytest.skip("no kernel to boot: set $%s to what `lab` takes; nothing is downloaded for a test" % KERNEL)
    asked = ["--cases", "vmsplice-pipe", "--movers", "move_pages", "offline", "--work", str(tmp_path / "work")]
    done = probe("lab", os.environ[KERNEL], *asked, "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    kept = sorted((tmp_path / "out").glob("guest-*/*.json"))
    assert [path.name for path in kept] == ["vmsplice-pipe-move_pages.json", "vmsplice-pipe-offline.json"]
    for path in kept:
        read = envelope.read(path.read_bytes())
        assert read.environment == "guest"
        assert read.kernel.nr_nodes == 2
        assert [run.outcome for run in read.runs] == ["refuses"]
    offline = envelope.read(kept[1].read_bytes()).runs[0].sent
    assert offline["area"] == "zone_movable"
    assert offline["operation"] | {"name": ""} == {
        "name": "",
        "before": True,
        "while_held": False,
        "after_release": True,
    }
    again = probe("lab", os.environ[KERNEL], *asked, "--out", str(tmp_path / "out"))
    assert again.returncode == 0
    assert "0 of 2 measurements to be made" in again.stdout
