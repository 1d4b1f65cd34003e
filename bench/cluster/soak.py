"""`make soak`: mixed load on the cluster for long, and whether anything grows that should not.

    python -m bench.cluster.soak [--minutes 60] [--per-second 10]

Each minute: memory of every program (all its processes, proportional set size), connections to the database, room
that logs and database take. Ends with 1 where memory of a program in the last quarter is over 1.2 times what it was in
the second, or the ledger does not add up.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from bench.cluster.load import Load, Seen
from bench.cluster.site import Cluster, cluster
from tests.running import descendants

MOST_GROWTH = 1.2


def memory_mb(pid: int) -> float:
    """Of a program with all that it started: shared pages are shared out."""
    total = 0
    for one in (pid, *descendants(pid)):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def sample(site: Cluster) -> dict[str, float]:
    made = {}
    for name, kept in site.kept.items():
        if kept.process is not None and name not in ("db1", "db2"):
            made[name] = memory_mb(kept.process.pid)
    made["connections"] = float(site.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'unmigratable'"))
    made["logs, kB"] = sum(path.stat().st_size for path in site.folder.glob("*.log")) / 1024
    made["database, MB"] = float(site.sql("SELECT pg_database_size('unmigratable') / 1048576.0"))
    return made


def grown(samples: list[dict[str, float]]) -> list[str]:
    """Programs whose memory went on growing. The first quarter is theirs to warm up in."""
    quarter = max(1, len(samples) // 4)
    found = []
    for name in samples[0]:
        if "," in name or name == "connections":
            continue
        before = max(one.get(name, 0) for one in samples[quarter : 2 * quarter] or samples[:1])
        after = min(one.get(name, 0) for one in samples[-quarter:])
        if before and after > MOST_GROWTH * before:
            found.append(f"{name}: {before:.0f} MB, then {after:.0f}")
    return found


def on(load: Load, minutes: float, per_second: float) -> bool:
    """The table of what each took; whether nothing grew and nothing was lost."""
    samples: list[dict[str, float]] = []

    def watch(seen: Seen) -> None:
        end = seen.begun + 60 * minutes
        while time.monotonic() < end:
            samples.append(sample(load.site))
            time.sleep(min(60.0, max(1.0, 15 * minutes)))

    seen = load.run(int(60 * minutes * per_second), per_second, watch)
    samples.append(sample(load.site))
    wrong = load.judged(seen) + grown(samples)
    print("| what | first | middle | last |\n|---|--:|--:|--:|")
    for name in samples[0]:
        row = [samples[at].get(name, 0.0) for at in (0, len(samples) // 2, -1)]
        label = name if "," in name or name == "connections" else f"{name}, MB"
        print(f"| {label} | {' | '.join(f'{one:.0f}' for one in row)} |")
    refused = ", ".join(f"{count} × {code}" for code, count in sorted(seen.answers.items()))
    pages = ", ".join(f"{count} × {code}" for code, count in sorted(seen.pages.items()))
    print(f"{len(seen.acknowledged)} reports in {minutes:g} minutes ({refused}); pages: {pages}")
    print("WRONG: " + ", ".join(wrong) if wrong else "flat, and the ledger adds up", flush=True)
    return not wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--per-second", type=float, default=10.0)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with cluster() as site:
        return not on(Load(site), given.minutes, given.per_second)


if __name__ == "__main__":
    sys.exit(main())
