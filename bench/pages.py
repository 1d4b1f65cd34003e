"""`make bench-pages`: what each page costs with few and with many observations.

For each page the queries, the buffers that they touch (EXPLAIN (ANALYZE, BUFFERS), hits and reads, planning left
out), and the median time of the request: by the clock, and what this process computed of it. Buffers do not depend on
who else uses the machine; the clock does.

    python -m bench.pages [FEW MANY] [--cases N] [--builds N] [--machines N]

The last two make the many come from more builds and machines than the few.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.fleet import Fleet
from local.postgres import FAST, Postgres

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 5
MOST_BUFFERS = 1.3
# A limit is leased once a minute and process, by whichever page comes then.
_LEASES = "rest_allowance"
MACHINES = 20
PAGES = (
    *("/", "/?effect=hotunplug&manner=sleeps_in_d&kernel=6.18", "/?q=folio_wait_writeback", "/?format=csv"),
    *("/search/?q=folio_wait_writeback", "/search/?q=fuse+wirteback", "/search/?q=0c58a97"),
    *("/cases/fuse-writeback/", "/cases/fuse-writeback/@1", "/cases/fuse-writeback/?format=md"),
    *("/cases/proposed/", "/subsystems/", "/subsystems/fuse/", "/strategies/", "/strategies/fuse-request-timeout/"),
    *("/kernels/", "/kernels/6.18.44/", "/compare/?a=6.18.44&b=7.2.13", "/affected/?kernel=6.18.4-arch1-1"),
    *("/agenda/", "/feed.atom", "/cases/fuse-writeback/feed.atom", "/subsystems/fuse/feed.atom"),
    *("/reports/", "/reports/?state=rejected", "/reports/{report}/", "/reports/unmatched/", "/diagnose/"),
    *("/cases/fuse-writeback/history/", "/machines/", "/compare/", "/method/", "/api/v1/events/?limit=50"),
    *("/api/v1/cases/", "/api/v1/cases/fuse-writeback/", "/api/v1/cases/fuse-writeback/evidence/?limit=10"),
    *("/api/v1/kernels/", "/api/v1/strategies/", "/api/v1/affected/?kernel=6.18.4", "/api/v1/reports/{report}/"),
)


@dataclass(frozen=True)
class Cost:
    queries: int
    buffers: int
    milliseconds: float
    cpu_milliseconds: float
    shown_bytes: int = 0


def measure() -> dict[str, Cost]:
    """Every page, as a stranger asks for it. In a process that has Django set up."""
    from django.test import Client, override_settings

    from reports.models import Payload

    report = str(Payload.objects.values_list("report_id", flat=True).first())
    (ROOT / "var" / "static").mkdir(parents=True, exist_ok=True)  # WhiteNoise warns where there is none
    plain = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    with override_settings(STORAGES=plain):
        client = Client(SERVER_NAME="127.0.0.1")
        return {page: _cost(client, page.format(report=report)) for page in PAGES}


def _cost(client: Any, path: str) -> Cost:
    from django.db import connection

    asked: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if _LEASES not in sql:
            asked.append((sql, params))
        return execute(sql, params, many, context)

    times, cpu = [], []
    for _ in range(ROUNDS):
        started, spent = time.perf_counter(), time.process_time()
        answer = client.get(path)
        times.append(1000 * (time.perf_counter() - started))
        cpu.append(1000 * (time.process_time() - spent))
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
    with connection.execute_wrapper(note):
        client.get(path)
    buffers = 0
    with connection.cursor() as cursor:
        for sql, params in asked:
            if os.environ.get("BENCH_SQL"):
                print(path, sql[:1500], file=sys.stderr)
            buffers += _buffers(cursor, sql, params)
    return Cost(len(asked), buffers, statistics.median(times), statistics.median(cpu), len(answer.getvalue()))


def _buffers(cursor: Any, sql: str, params: Any) -> int:
    if not sql.lstrip("( ").upper().startswith(("SELECT", "WITH")):
        return 0  # a savepoint
    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
    plan = cursor.fetchone()[0]
    top = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    touched = int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
    if os.environ.get("BENCH_SQL"):
        print("   buffers", touched, file=sys.stderr)
    return touched


def main() -> int:
    given = _arguments()
    server = Postgres(ROOT / "var" / "bench-postgres", {**FAST, "shared_buffers": "512MB"})
    server.start()
    try:
        said(f"a catalog of {given.cases} cases")
        run(database(server, "base"), "base", str(given.cases), str(max(MACHINES, given.machines)))
        costs = []
        grown = Fleet(given.builds, given.machines)
        for name, number, fleet in (("few", given.few, Fleet()), ("many", given.many, grown)):
            said(f"{number:,} observations")
            url = database(server, name, template="base")
            run(url, "fill", str(number), str(fleet.builds), str(fleet.machines))
            said("pages")
            costs.append({page: Cost(**cost) for page, cost in json.loads(run(url, "measure")).items()})
        version = run(url, "version").strip()
    finally:
        server.stop()
    return _tell(given, costs[0], costs[1], version)


def said(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def database(server: Postgres, name: str, template: str = "") -> str:
    """The address of a new database, a copy of another where one is named."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS bench_{name}")
        connection.execute(f"CREATE DATABASE bench_{name}" + (f" TEMPLATE bench_{template}" if template else ""))
    return server.url.rpartition("/")[0] + f"/bench_{name}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("few", nargs="?", type=int, default=10_000)
    parser.add_argument("many", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--builds", type=int, default=Fleet.builds, help="on which each case is measured, of the many")
    parser.add_argument("--machines", type=int, default=Fleet.machines, help="that measure each, of the many")
    return parser.parse_args()


def run(url: str, act: str, *arguments: str, module: str = "bench.pages", **more: str) -> str:
    """One step in a process of its own: Django knows one database at a time."""
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "CELERY_BROKER_URL": "memory://",
        "UNMIGRATABLE_MODE": "local",
        "UNMIGRATABLE_SECRET_KEY": "only-for-the-bench-" * 3,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **more,
    }
    command = [sys.executable, "-c", f"from {module} import step; step({act!r}, *{arguments!r})"]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def step(act: str, *arguments: str) -> None:
    import logging

    import django

    django.setup()
    logging.disable(logging.WARNING)
    from django.core.management import call_command
    from django.db import connection

    from bench import generate

    with connection.cursor() as cursor:
        if act == "base":
            call_command("migrate", verbosity=0)
            generate.catalog(int(arguments[0]), int(arguments[1]))
        elif act == "fill":
            number, builds, machines = map(int, arguments)
            generate.observations(number, Fleet(builds, machines))
        elif act == "version":
            cursor.execute("SHOW server_version")
            print(cursor.fetchone()[0])
        else:
            print(json.dumps({page: asdict(cost) for page, cost in measure().items()}))


def _tell(given: argparse.Namespace, few: dict[str, Cost], many: dict[str, Cost], version: str) -> int:
    """The table in Markdown; 1 where a page asks more questions, or touches too many more buffers."""
    print(f"{given.cases} cases; {given.few:,} and {given.many:,} observations, the many on {given.builds} builds")
    print(f"by {given.machines} machines a case, the few on {Fleet.builds} by {Fleet.machines}.")
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"PostgreSQL {version}, Python {platform.python_version()}, {machine}.\n")
    print("| page | queries | buffers, few | many | ratio | ms, few | many | CPU ms, many |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    failed = []
    for page, one in few.items():
        other = many[page]
        ratio = other.buffers / one.buffers if one.buffers else 1.0
        queries = str(one.queries) if one.queries == other.queries else f"{one.queries} and {other.queries}"
        if one.queries != other.queries or ratio > MOST_BUFFERS:
            failed.append(page)
        shown = page.replace("|", "\\|")
        print(
            f"| `{shown}` | {queries} | {one.buffers} | {other.buffers} | {ratio:.2f} "
            f"| {one.milliseconds:.0f} | {other.milliseconds:.0f} | {other.cpu_milliseconds:.0f} |"
        )
    print(f"\nOver {MOST_BUFFERS} or with more queries: {', '.join(failed) or 'none'}.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
