"""What comes in by HTTP: one report a request, batches, and the time from 202 to settled. Each beside its yardstick."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import time
from pathlib import Path

import zstandard

from bench import drains, load, squad
from bench.site import ROOT, Site, names, said, template

LINES = 5_000


def one_at_a_time(secret: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    """16 connections against the site and against the yardstick, in turn."""
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


def beside_squad(secret: str, folder: Path, rounds: int, seconds: float) -> None:
    """16 connections against site and SQUAD, in turn; then from submit to processed, at 5 a second, of each."""
    if not squad.is_there():
        print("  SQUAD: not run; `make var/squad/bin/squad` installs it", flush=True)
        return
    body, ids = template(), names()
    theirs = squad.Squad(os.environ["DATABASE_URL"], folder / "squad")
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


def latencies(secret: str, per_second: int, seconds: int) -> list[float]:
    """From 202 to settled, at so many submits a second, with the worker that `make run` starts."""
    from local.run import commands
    from reports.models import Report

    body, ids = template(), names()
    before, after = load.request("/api/v1/reports/", body, secret).split(load.MARK)
    drains.nothing_waits()
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
