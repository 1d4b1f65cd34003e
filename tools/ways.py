"""Measures the ways out: every trial that a strategy's file names and that was not measured yet, one after the other.

    python -m tools.ways --list                     # what there is, and what is recorded of it
    python -m tools.ways --work ~/lab               # all that is missing; the same command goes on where it was ended
    python -m tools.ways vmsplice-copies            # of one strategy, measured already or not

Each is one sitting of `probe.pyz lab`, with the command that stands in the file. So a kernel is built once, and a base
that several have in common is measured once. It wants a machine for itself. What is measured is kept below --work, and
recorded by the commands that are printed at the end.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "data" / "recorded"


@dataclass(frozen=True)
class Trial:
    """`label` is empty where two releases are compared, `before` and `after` where a label is."""

    strategy: str
    lab: str
    label: str = ""
    before: str = ""
    after: str = ""

    @property
    def arguments(self) -> list[str]:
        return shlex.split(self.lab)

    def is_recorded(self, folder: Path = RECORDED) -> bool:
        """Is there any report of it? Two releases are: both have plain reports of one of its cases."""
        if self.label:
            return any(folder.glob(f"guest-*-{self.label.replace(' ', '-')}/*.json.gz"))
        return all(any(folder.glob(f"guest-{release}/*.json.gz")) for release in (self.before, self.after))


def trials(folder: Path = ROOT / "data" / "strategies") -> list[Trial]:
    found = []
    for path in sorted(folder.glob("*.md")):
        head = yaml.safe_load(path.read_text().split("\n---\n")[0])
        for trial in head.get("trials", ()):
            named = {key: str(trial.get(key) or "") for key in ("lab", "label", "before", "after")}
            found.append(Trial(path.stem, **named))
    return found


def wanted(every: Iterable[Trial], slugs: list[str]) -> list[Trial]:
    return [one for one in every if (one.strategy in slugs if slugs else not one.is_recorded())]


def measure(one: Trial, work: Path) -> int:
    command = [sys.executable, "-m", "probes", "lab", "--work", str(work), *one.arguments]
    print(f"== {one.strategy}: probe.pyz lab {one.lab}", flush=True)
    began = time.monotonic()
    code = subprocess.run(command, cwd=ROOT).returncode
    print(
        f"== {one.strategy}: {'measured' if code == 0 else f'exit code {code}'}, {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return code


def recording(one: Trial, reports: Path, since: float) -> list[str]:
    """What puts into data/recorded the folders to which this sitting added."""
    new = sorted({path.parent for path in reports.glob("guest-*/*.json") if path.stat().st_mtime >= since})
    return [f"manage.py record_reports {folder} --command {shlex.quote('probe.pyz lab ' + one.lab)}" for folder in new]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slugs", nargs="*", metavar="STRATEGY")
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache" / "unmigratable-lab")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args(arguments)
    every = trials()
    unknown = set(options.slugs) - {one.strategy for one in every}
    if unknown:
        parser.error(f"no trial of {', '.join(sorted(unknown))}")
    if options.list:
        for one in every:
            print(f"{'recorded' if one.is_recorded() else 'missing':<9} {one.strategy}: {one.lab}")
        return 0
    failed, told = 0, []
    for one in wanted(every, options.slugs):
        since = time.time()
        failed += measure(one, options.work) != 0
        told += recording(one, options.work / "reports", since)
    print("\n".join(told))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
