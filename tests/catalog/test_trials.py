"""Every trial that a strategy names is a command that the lab takes, with patches that are there."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from probes.command import lab, trial
from probes.trials import patches, trees
from tools import ways

EVERY = ways.trials()


def parsed(one: ways.Trial) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    lab.add(parser.add_subparsers(), print)
    options = parser.parse_args(["lab", *one.arguments])
    trial.check(options, parser)
    return options


@pytest.mark.parametrize("one", EVERY, ids=lambda one: f"{one.strategy}-{one.label}")
def test_the_lab_takes_it(one: ways.Trial) -> None:
    options = parsed(one)
    assert options.cases, "all cases would be measured"
    series = options.series or options.removal
    assert series is None or trees.files(patches.read(ways.ROOT / series))
    label = options.label or (series.stem if series else "")
    assert not one.label or one.label == label, "its runs would not be found"


def test_a_patch_that_nobody_measures_is_no_candidate() -> None:
    used = {Path(word).name for one in EVERY for word in one.arguments if word.endswith(".patch")}
    assert used == {path.name for path in (ways.ROOT / "data" / "candidates").iterdir()}


def test_what_is_recorded_is_not_measured_again(tmp_path: Path) -> None:
    one = ways.Trial("made-up", "…", label="made-up max")
    pair = ways.Trial("another", "…", before="6.1", after="7.3")
    assert ways.wanted([one, pair], []) == [one, pair]
    for machine in ("guest-7.3-made-up-max", "guest-6.1"):
        (tmp_path / machine).mkdir()
        (tmp_path / machine / "a.json.gz").touch()
    assert one.is_recorded(tmp_path) and not pair.is_recorded(tmp_path)
    assert ways.wanted([one, pair], ["another"]) == [pair]


def test_the_list_says_what_is_missing() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tools.ways", "--list"], cwd=ways.ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert len(told.splitlines()) == len(EVERY)
    assert "recorded  fuse-request-timeout: " in told


def test_a_strategy_without_a_trial_cannot_be_measured(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ways.main(["say-who-holds"])
    assert "no trial of say-who-holds" in capsys.readouterr().err
