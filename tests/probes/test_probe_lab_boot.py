"""Real guests, where the machine has what it takes: from the command line to the report; and runs killed in there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagnosis.formats import envelope
from probes.cases import CASES
from probes.lab import boot, cpio, guest, kernels, tools, userland
from tests.probes import leftovers

KERNEL = "LAB_KERNEL"


def skip_without_a_kernel() -> None:
    lacking = tools.missing([tools.QEMU, tools.BUSYBOX, "ldd"])
    if lacking:
        pytest.skip("a guest needs %s, which this machine lacks" % " and ".join(lacking))
    if not os.environ.get(KERNEL):
        pytest.skip("no kernel to boot: set $%s to what `lab` takes; nothing is downloaded for a test" % KERNEL)


@pytest.mark.lab
def test_a_guest_boots_and_reports(probe: Callable[..., Any], tmp_path: Path) -> None:
    skip_without_a_kernel()
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


@pytest.mark.lab
def test_a_guest_gives_its_memory_back_when_the_lab_asks_for_it(probe: Callable[..., Any], tmp_path: Path) -> None:
    skip_without_a_kernel()
    asked = ["--cases", "vmsplice-pipe", "--movers", "virtio_mem", "--work", str(tmp_path / "work")]
    done = probe("lab", os.environ[KERNEL], *asked, "--holder", "unprivileged", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    (kept,) = (tmp_path / "out").glob("guest-*/*.json")
    (run,) = envelope.read(kept.read_bytes()).runs
    assert run.outcome == "refuses"
    assert run.sent["area"] == "zone_movable"
    assert run.sent["operation"] | {"name": ""} == {
        "name": "",
        "before": True,
        "while_held": False,
        "after_release": True,
    }
    assert run.sent["facts"]["ranges_not_had_per_try"].startswith("128 MiB 5, ")
    assert run.sent["facts"]["mib_left_per_try"].endswith(" 0")


KILLED_IN_A_GUEST = (
    ("netfs-unresponsive-server", "offline", leftovers.ASLEEP),
    ("netfs-unresponsive-server", "move_pages", leftovers.ASLEEP),
    ("readahead-locked", "offline", leftovers.ASLEEP),
    ("locked-buffer", "offline", leftovers.ASLEEP),
    ("hugetlb-no-surplus", "move_pages", leftovers.ANY),
)


@pytest.mark.lab
def test_runs_that_are_killed_in_a_guest_leave_nothing(tmp_path: Path) -> None:
    """What this machine cannot hold or must not: no 9P, one node, nothing that may go offline."""
    skip_without_a_kernel()
    kernel = kernels.get(os.environ[KERNEL], tmp_path / "work")
    image = tmp_path / "initramfs"
    lines = ["python3 /lab/leftovers.py %s %s %s >&3 2>&3" % each for each in KILLED_IN_A_GUEST]
    load = guest.modules_script(CASES[case] for case, _, _ in KILLED_IN_A_GUEST)
    entries = userland.base(guest.INIT) + userland.modules(
        kernel, kernels.modules_for(kernel, guest.modules(CASES[case] for case, _, _ in KILLED_IN_A_GUEST))
    )
    archive = userland.probe()
    entries += userland.unpacked(archive)
    entries += [cpio.file(userland.PROBE, archive), cpio.copy(Path(leftovers.__file__), "lab/leftovers.py")]
    image.write_bytes(cpio.archive([*entries, cpio.file("lab/jobs", (load + "\n".join(lines)).encode())]))
    command = guest.command(
        guest.shape_for("offline"),
        str(kernel.image),
        str(image),
        str(tmp_path / "console"),
        str(tmp_path / "out"),
        "tcg",
    )
    said: list[str] = []
    boot.run(command, tmp_path / "out", 120 + 120 * len(lines), said.append)
    told = [line for line in said if line.startswith(("kept ", "left "))]
    assert len(told) == len(lines), said
    for line, (case, mover, _) in zip(told, KILLED_IN_A_GUEST, strict=True):
        assert line.startswith("kept "), line
        facts = json.loads(line.removeprefix("kept "))
        assert (facts["case"], facts["mover"]) == (case, mover)
        assert {"unmig-run", "unmig-move"} <= set(facts["states"])
