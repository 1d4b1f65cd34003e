"""`make grow`: what ten times, a hundred and a thousand times the observations cost, on builds and machines that grow.

    python -m bench.grow [--most 1000000] [--cases 500] [--minutes 20]

Steps are 10,000, 100,000 and so on to `--most`, which may be 10000000; a step that would not be over within
`--minutes`, by what the last one took, is not begun, and named. With each step the builds that a case was measured on
and the machines that measured it double, as in a fleet. For each: how fast one report a request is taken
and how fast two processes settle them (on a server that keeps its promises: `fsync` is on), what the database takes and
which tables take it, and what each page of `make bench-pages` costs.

What grows more than in proportion is named: a page whose queries grow at all, or whose buffers grow more than the
answer that it sends; a table that grows more than the observations; a rate that falls.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from bench import site
from bench.fleet import Fleet
from bench.pages import MACHINES, Cost, database, run, said
from local.postgres import Postgres

FIRST = 10_000
TOLERANCE = 1.3
TABLES = 6
STEP_GROWTH = 4.0  # a step of ten times as many takes so much longer at the most: pages and rates take as long as ever
DOOR_ROUNDS, DOOR_SECONDS, DRAINED = 3, 4.0, 6_000
FOLDER = site.ROOT / "var" / "grow"


@dataclass(frozen=True)
class Step:
    """One number of observations, and what was measured with it. Sizes are beside the empty catalog's."""

    observations: int
    fleet: Fleet
    fill_seconds: float = 0.0
    size_bytes: int = 0
    tables: dict[str, int] = field(default_factory=dict)
    pages: dict[str, Cost] = field(default_factory=dict)
    taken: float = 0.0
    bare: float = 0.0
    settled: float = 0.0


def fleets(most: int) -> dict[int, Fleet]:
    """The steps up to `most`, each on twice the builds and machines of the one before."""
    made, number, fleet = {}, FIRST, Fleet()
    while number <= most:
        made[number] = fleet
        number, fleet = 10 * number, Fleet(2 * fleet.builds, 2 * fleet.machines)
    return made


def fits(took: float, spent: float, minutes: float) -> bool:
    """Whether a step of ten times as many as one that took so long is over in time."""
    return spent + STEP_GROWTH * took <= 60 * minutes


def grown_pages(first: Step, last: Step) -> dict[str, str]:
    """Pages that ask more queries, or touch more buffers than their answer's growth explains."""
    found = {}
    for page, before in first.pages.items():
        after = last.pages[page]
        shown = max(1.0, after.shown_bytes / max(1, before.shown_bytes))
        touched = after.buffers / max(1, before.buffers)
        if after.queries > before.queries:
            found[page] = f"{before.queries} queries, then {after.queries}"
        elif touched > TOLERANCE * shown:
            found[page] = f"{touched:.1f} times the buffers, {shown:.1f} times the answer"
    return found


def grown_tables(first: Step, last: Step) -> dict[str, str]:
    """Tables that take more room for each observation than they did."""
    times, found = last.observations / first.observations, {}
    for table, after in last.tables.items():
        ratio = after / max(1, first.tables.get(table, 0))
        if table in first.tables and ratio > TOLERANCE * times:
            found[table] = f"{ratio:.0f} times the room, {times:.0f} times the observations"
    return found


def fallen_rates(first: Step, last: Step) -> dict[str, str]:
    """Both are compared with the bare view of the same minute, which says how fast the machine was."""
    shares = {
        "taken, of the bare view's": (first.taken / (first.bare or 1), last.taken / (last.bare or 1)),
        "settled, of the bare view's": (first.settled / (first.bare or 1), last.settled / (last.bare or 1)),
    }
    return {what: f"{a:.2f}, then {b:.2f}" for what, (a, b) in shares.items() if b * TOLERANCE < a}


def step(act: str, *arguments: str) -> None:
    """In a process of its own, by `bench.pages.run`."""
    import logging

    import django

    django.setup()
    logging.disable(logging.WARNING)
    print(json.dumps(_sizes() if act == "sizes" else _rates()))


def _sizes() -> dict[str, Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        whole = cursor.fetchone()[0]
        cursor.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = "
            "'public'::regnamespace ORDER BY 2 DESC"
        )
        return {"size_bytes": whole, "tables": dict(cursor.fetchall())}


def _rates() -> dict[str, float]:
    """Reports a second: taken at the door one by one, by the bare view beside it, and settled by two processes."""
    from django.db import connection

    from bench import drains, submits
    from people.access import machines
    from people.models import Machine, User

    secret = machines.add("bench", User.objects.get(username="bench"), trusted=True)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_bare (id bigserial primary key, sha256 text, body bytea)")
    made = submits.one_at_a_time(secret, DOOR_ROUNDS, DOOR_SECONDS)
    drains.nothing_waits()
    seconds, _ = drains.drain(DRAINED, Machine.objects.get(name="bench"))
    return {
        "taken": statistics.median(made["site"]),
        "bare": statistics.median(made["bare"]),
        "settled": DRAINED / seconds,
    }


def measured(server: Postgres, number: int, fleet: Fleet, empty: int) -> Step:
    said(f"{number:,} observations on {fleet.builds} builds by {fleet.machines} machines a case")
    url = database(server, "grown", template="base")
    begun = time.monotonic()
    run(url, "fill", str(number), str(fleet.builds), str(fleet.machines))
    filled = time.monotonic() - begun
    sizes = json.loads(run(url, "sizes", module="bench.grow"))
    sizes["size_bytes"] -= empty
    said("pages")
    pages = {page: Cost(**cost) for page, cost in json.loads(run(url, "measure")).items()}
    said("reports coming in")
    more = site.environment(url, FOLDER)
    rates = json.loads(run(url, "rates", module="bench.grow", **more))
    return Step(number, fleet, filled, pages=pages, **sizes, **rates)


def tell(steps: list[Step], cases: int, version: str) -> None:
    """The tables in Markdown, and what grows more than in proportion."""
    machine = f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
    programs = f"PostgreSQL {version}, Python {platform.python_version()}"
    print(f"{time.strftime('%Y-%m-%d')}: {cases} cases; {programs}, {machine}.\n")
    print("| observations | builds, machines a case | MB more | kB each | taken a second | of the bare view "
          "| settled a second | generated in, s |\n|--:|--:|--:|--:|--:|--:|--:|--:|")  # fmt: skip
    for one in steps:
        print(
            f"| {one.observations:,} | {one.fleet.builds}, {one.fleet.machines} | {one.size_bytes / 1e6:,.0f} "
            f"| {one.size_bytes / 1e3 / one.observations:.1f} | {one.taken:.0f} | {one.taken / one.bare:.2f} "
            f"| {one.settled:.0f} | {one.fill_seconds:.0f} |"
        )
    print(f"\n| table, MB | {' | '.join(f'{one.observations:,}' for one in steps)} |")
    print("|---|" + "--:|" * len(steps))
    for table in list(steps[-1].tables)[:TABLES]:
        print(f"| `{table}` | {' | '.join(f'{one.tables.get(table, 0) / 1e6:,.1f}' for one in steps)} |")
    print("\n| page | queries | buffers | ms | kB of the answer |\n|---|--:|--:|--:|--:|")
    for page in steps[0].pages:
        each = [one.pages[page] for one in steps]
        cells = (
            _same(one.queries for one in each),
            _same(one.buffers for one in each),
            ", ".join(f"{one.milliseconds:.0f}" for one in each),
            _same(f"{one.shown_bytes / 1e3:.0f}" for one in each),
        )
        print(f"| `{page}` | {' | '.join(cells)} |")
    ends = (steps[0], steps[-1])
    found = {**grown_pages(*ends), **grown_tables(*ends), **fallen_rates(*ends)}
    print("\nGrows more than in proportion: " + ("" if found else "nothing."))
    for what, how in found.items():
        print(f"- `{what}`: {how}")


def _same(values: Any) -> str:
    """One figure where all are equal."""
    made = [str(one) for one in values]
    return made[0] if len(set(made)) == 1 else ", ".join(made)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=20.0)
    given = parser.parse_args()
    if given.most < FIRST:
        parser.error(f"--most is {FIRST} at least")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    FOLDER.mkdir(parents=True, exist_ok=True)
    server = Postgres(FOLDER / "postgres", {"shared_buffers": "512MB", "max_wal_size": "4GB"})
    server.start()
    try:
        said(f"a catalog of {given.cases} cases")
        base = database(server, "base")
        wanted = fleets(given.most)
        run(base, "base", str(given.cases), str(max(MACHINES, *(one.machines for one in wanted.values()))))
        empty = json.loads(run(base, "sizes", module="bench.grow"))["size_bytes"]
        steps: list[Step] = []
        last = begun = time.monotonic()
        for number, fleet in wanted.items():
            now = time.monotonic()
            if steps and not fits(now - last, now - begun, given.minutes):
                said(f"{number:,} and more: not begun, they would not be over within {given.minutes:g} minutes")
                break
            last = now
            steps.append(measured(server, number, fleet, empty))
        version = run(base, "version").strip()
    finally:
        server.stop()
    tell(steps, given.cases, version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
