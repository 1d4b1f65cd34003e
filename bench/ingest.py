"""How fast reports come in: `make bench-ingest`. One run, rounds interleaved, medians and their ratios.

A PostgreSQL of its own (durable, from the wheel), the site under gunicorn as `make run` starts it, a yardstick beside
it, and the load generator share one machine: read the ratios, and the absolute figures with the load it prints.

    python -m bench.ingest [--rounds 5] [--seconds 4] [--drain 100000] [--memory 1000000] [--only one,batch,squad,…]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var" / "bench"
LINES = 5_000


def environment(url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": url,
        "CELERY_BROKER_URL": os.environ.get("BENCH_BROKER") or "filesystem://localhost",
        "UNMIGRATABLE_MODE": "local",
        "UNMIGRATABLE_VAR": str(VAR),
        "UNMIGRATABLE_SECRET_KEY": "only-for-the-bench-" * 4,
        "UNMIGRATABLE_LIMITS": "send=900000000/60,batch=900000000/60,read=900000000/60,diagnose=900000000/60",
        "DJANGO_SETTINGS_MODULE": "bench.settings",
    }


class Site:
    """Gunicorn with the site, or with the yardstick, as `make run` starts it: 2 workers of 4 threads."""

    def __init__(self, bare: bool) -> None:
        from tests.running import free_port

        self.port = free_port()
        command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{self.port}"]
        command += ["--workers", "2", "--threads", "4", "--worker-class", "gthread", "--keep-alive", "60"]
        command += ["--log-level", "warning", "--no-control-socket"]
        surroundings = {**os.environ, **({"BENCH_BARE": "1"} if bare else {})}
        self.process = subprocess.Popen(command, cwd=ROOT, env=surroundings)

    def wait(self) -> None:
        import socket

        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.1)
        raise RuntimeError("gunicorn did not come up")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def names() -> Iterator[bytes]:
    """Run ids that never come again, as long as load.MARK."""
    stamp = f"{time.time_ns():x}"[-14:]
    number = 0
    while True:
        number += 1
        yield f"bench-{stamp}-{number:012d}".encode()


def template() -> bytes:
    """A real report of one run, of some 5.5 KB."""
    from bench import load
    from reports import recorded

    wanted, best = 5_500, b""
    for one in recorded.every():
        report = json.loads(one.body)
        report["runs"] = report["runs"][:1]
        report["run_id"] = load.MARK.decode()
        body = json.dumps(report).encode()
        if abs(len(body) - wanted) < abs(len(best) - wanted):
            best = body
    return best


def one_at_a_time(secret: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    """16 connections against the site and against the yardstick, in turn."""
    from bench import load

    body, ids = template(), names()
    sites = {"site": Site(bare=False), "bare": Site(bare=True)}
    made: dict[str, list[float]] = {name: [] for name in sites}
    try:
        for site in sites.values():
            site.wait()
        asked = load.request("/api/v1/reports/", body, secret)
        for site in sites.values():
            load.drive(site.port, asked, ids, 1.5, 16)
        for _ in range(rounds):
            for name, site in sites.items():
                told = load.drive(site.port, asked, ids, seconds, 16)
                if told.bad:
                    raise RuntimeError(f"{told.bad} of {told.answers} were not taken by {name}")
                made[name].append(told.per_second)
    finally:
        for site in sites.values():
            site.stop()
    return made


def beside_squad(secret: str, rounds: int, seconds: float) -> None:
    """16 connections against site and SQUAD, in turn; then from submit to processed, at 5 a second, of each."""
    from bench import load, squad

    if not squad.is_there():
        print("  SQUAD: not run; `make var/squad/bin/squad` installs it", flush=True)
        return
    body, ids = template(), names()
    theirs = squad.Squad(os.environ["DATABASE_URL"], VAR / "squad")
    site = Site(bare=False)
    made: dict[str, list[float]] = {"site": [], "SQUAD": []}
    bad = 0
    try:
        site.wait()
        theirs.wait()
        broker = "RabbitMQ, its worker beside it" if theirs.broker else "none: no RabbitMQ is there"
        print(f"  SQUAD {theirs.version}: the same server and gunicorn; broker: {broker}", flush=True)
        ours_asked, theirs_asked = load.request("/api/v1/reports/", body, secret), theirs.request(body)
        for _ in range(rounds):
            made["site"].append(load.drive(site.port, ours_asked, ids, seconds, 16).per_second)
            told = load.drive(theirs.port, theirs_asked, ids, seconds, 16, good_is=squad.KEPT)
            made["SQUAD"].append(told.per_second)
            bad += told.bad
        said("16 connections, one report a request", made)
        site.stop()
        took = theirs.times(body, ids, 5, 20)
        rows, processed = theirs.processed()
    finally:
        if site.process.poll() is None:
            site.stop()
        theirs.stop()
    print(f"  SQUAD: {bad} submissions refused or broken; {processed} of {rows} test runs processed")
    for name, found in (("site", latencies(secret, 5, 20)), ("SQUAD", took)):
        late = found[int(len(found) * 0.95)]
        print(f"  {name:6} from submit to processed at 5/s: median {found[len(found) // 2]:.2f} s, p95 {late:.2f} s")


def batches(secret: str, rounds: int) -> dict[str, list[float]]:
    """One connection with batches of 5,000 lines, and a loop that only decodes, hashes, compresses and inserts."""
    import socket

    from bench import load

    body, ids = template(), names()
    before, after = body.split(load.MARK)
    site = Site(bare=False)
    made: dict[str, list[float]] = {"batch": [], "loop": []}
    try:
        site.wait()
        sock = socket.create_connection(("127.0.0.1", site.port))
        file = sock.makefile("rb")
        for _ in range(rounds):
            lines = [before + next(ids) + after for _ in range(LINES)]
            asked = load.request("/api/v1/batch/", b"\n".join(lines), secret, "application/x-ndjson")
            start = time.monotonic()
            sock.sendall(asked)
            status = load.answer(file)
            made["batch"].append(LINES / (time.monotonic() - start))
            if status != 202:
                raise RuntimeError(f"the batch was answered with {status}")
            made["loop"].append(LINES / bare_loop(lines))
    finally:
        site.stop()
    return made


def bare_loop(lines: list[bytes]) -> float:
    """Seconds for decoding, hashing, compressing and inserting these, 500 rows a statement."""
    import hashlib

    import zstandard
    from django.db import connection, transaction

    start = time.monotonic()
    compressor = zstandard.ZstdCompressor(level=3)
    with transaction.atomic(), connection.cursor() as cursor:
        for first in range(0, len(lines), 500):
            rows = []
            for line in lines[first : first + 500]:
                json.loads(line)
                rows.append((hashlib.sha256(line).hexdigest(), compressor.compress(line)))
            cursor.execute(
                "INSERT INTO bench_bare (sha256, body) SELECT * FROM unnest(%s::text[], %b::bytea[])",
                [[row[0] for row in rows], [row[1] for row in rows]],
            )
    return time.monotonic() - start


def fill(number: int, machine: Any) -> None:
    """So many one-run reports, waiting."""
    from bench import load
    from reports import batch

    body, ids = template(), names()
    before, after = body.split(load.MARK)
    for first in range(0, number, LINES):
        lines = [before + next(ids) + after for _ in range(min(LINES, number - first))]
        batch.take(machine, b"\n".join(lines))


WORKER = """
import os, sys, resource, time
import django; django.setup()
from reports import ingest
start = time.monotonic()
samples = []
while not ingest.drain(5):
    samples.append(int(open("/proc/self/statm").read().split()[1]) * 4)
samples.append(int(open("/proc/self/statm").read().split()[1]) * 4)
print(*samples)
"""


def drain(number: int, machine: Any, processes: int = 2) -> tuple[float, list[list[int]]]:
    """Seconds to settle so many with two processes, web idle, and their resident KiB every 5 s."""
    fill(number, machine)
    start = time.monotonic()
    command = [sys.executable, "-c", WORKER]
    workers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    samples = [[int(one) for one in worker.communicate()[0].split()] for worker in workers]
    return time.monotonic() - start, samples


def nothing_waits() -> None:
    """What other rounds left would be read first, and its time be added to everybody's."""
    from reports import ingest

    while not ingest.drain():
        pass


def latencies(secret: str, per_second: int, seconds: int) -> list[float]:
    """From 202 to settled, at so many submits a second, with the worker that `make run` starts."""
    import socket

    from bench import load
    from local.run import commands
    from reports.models import Report

    body, ids = template(), names()
    before, after = load.request("/api/v1/reports/", body, secret).split(load.MARK)
    nothing_waits()
    site = Site(bare=False)
    helpers = [subprocess.Popen(commands(0)[name], cwd=ROOT) for name in ("worker", "beat")]
    kept: list[bytes] = []
    try:
        site.wait()
        time.sleep(6)
        sock = socket.create_connection(("127.0.0.1", site.port))
        file = sock.makefile("rb")
        start = time.monotonic()
        for number in range(per_second * seconds):
            time.sleep(max(0.0, start + number / per_second - time.monotonic()))
            name = next(ids)
            kept.append(name)
            sock.sendall(before + name + after)
            load.answer(file)
        time.sleep(5)
    finally:
        site.stop()
        for one in helpers:
            one.terminate()
        for one in helpers:
            one.wait(20)
    rows = Report.objects.filter(run_id__in=[name.decode() for name in kept]).values_list("received_at", "settled_at")
    return sorted((settled - received).total_seconds() if settled else 1e9 for received, settled in rows)


def prepare() -> tuple[Any, str, Callable[[], None]]:
    """Database, tables, one case and one machine; the machine, its secret, and what stops the database."""
    sys.path.insert(0, str(ROOT))
    from local.postgres import Postgres

    VAR.mkdir(parents=True, exist_ok=True)
    database = Postgres(VAR / "postgres")
    database.start()
    os.environ.update(environment(database.url))
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("load_cases", verbosity=0)
    from people import machines
    from people.models import Machine, User

    owner, _ = User.objects.get_or_create(username="bench")
    secret = machines.add("bench", owner, trusted=True)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_bare (id bigserial primary key, sha256 text, body bytea)")
        cursor.execute("TRUNCATE bench_bare")
        cursor.execute("SELECT version()")
        print("server:", cursor.fetchone()[0].split(" on ")[0], "from the wheel, fsync on, defaults")
    return Machine.objects.get(name="bench"), secret, database.stop


def said(title: str, made: dict[str, list[float]]) -> None:
    first, second = made
    medians = {name: statistics.median(values) for name, values in made.items()}
    for name, values in made.items():
        print(f"  {name:6} median {medians[name]:8.0f}/s  of", " ".join(f"{value:.0f}" for value in values))
    print(f"  ratio of medians, {title}: {first}/{second} = {medians[first] / medians[second]:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--drain", type=int, default=100_000)
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--only", default="one,batch,latency,drain,squad")
    given = parser.parse_args()
    machine, secret, stop = prepare()
    wanted = given.only.split(",")
    print(
        "machine:", platform.processor() or platform.machine(), os.cpu_count(), "cores; Python", sys.version.split()[0]
    )
    print("load before:", " ".join(f"{one:.1f}" for one in os.getloadavg()))
    print(
        "web: gunicorn gthread 2x4, pool of 8 connections a process; broker:",
        os.environ["CELERY_BROKER_URL"].partition(":")[0],
    )
    print("report:", len(template()), "bytes, one run", flush=True)
    try:
        if "one" in wanted:
            said("16 connections, one report a request", one_at_a_time(secret, given.rounds, given.seconds))
        if "batch" in wanted:
            said("one connection, 5,000 lines a batch", batches(secret, given.rounds))
        if "latency" in wanted:
            found = latencies(secret, 100, 20)
            middle, late = found[len(found) // 2], found[int(len(found) * 0.95)]
            print(
                f"  from 202 to settled at 100/s: median {middle:.2f} s, p95 {late:.2f} s, most {found[-1]:.2f} s",
                flush=True,
            )
        if "squad" in wanted:
            beside_squad(secret, given.rounds, given.seconds)
        for name, number in (("drain", given.drain), ("memory", given.memory)):
            if name in wanted and number:
                seconds, samples = drain(number, machine)
                print(f"  drained {number} in {seconds:.1f} s by 2 processes: {number / seconds:.0f}/s")
                for one in samples:
                    print(
                        "  resident MiB, first, every tenth, last:",
                        *[kib // 1024 for kib in [*one[:1], *one[1:-1:10], *one[-1:]]],
                    )
    finally:
        print("load after:", " ".join(f"{one:.1f}" for one in os.getloadavg()))
        stop()


if __name__ == "__main__":
    main()
