"""Reports under fire: web, worker and PostgreSQL are killed with SIGKILL in turn, and the broker is wiped.

    python -m bench.chaos [--reports 20000] [--per-second 100] [--every 12]

The broker is the file system, or what BENCH_BROKER names, such as amqp://guest:guest@127.0.0.1:5672//. That one is
reached through a line, which is cut: it is down for the site and for nobody else. Then its queue is deleted.
Every report is sent until it is acknowledged. In the end everything acknowledged must be there once, settled, with its
evidence, and the tallies must be what the evidence adds up to. All processes, and the database, are this script's own.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import queue
import shutil
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.postgres import Postgres
from tests import brokers
from tests.running import Kept, free_port

ROOT = Path(__file__).resolve().parent.parent
SENDERS = 16
CASE = "fuse-writeback"


class Fire:
    """What is under fire, and what was acknowledged meanwhile."""

    def __init__(self, var: Path, port: int) -> None:
        self.var, self.port = var, port
        self.database = Postgres(var / "postgres")
        self.database.start()
        self.broker = brokers.at(os.environ.get("BENCH_BROKER") or brokers.URLS["filesystem"], var)
        self.acknowledged: set[str] = set()
        self.answers: Counter[str] = Counter()
        self.hits: Counter[str] = Counter()

    def start(self) -> None:
        from local.run import commands

        log = ROOT / "var" / "chaos.log"
        self.programs = {name: Kept(command, log) for name, command in commands(self.port).items()}

    def kill_database(self) -> None:
        """SIGKILL to the postmaster; its backends end when they notice, then it comes up again on the same files."""
        assert self.database.process is not None
        self.database.process.kill()
        self.database.process.wait()
        self.database = Postgres(self.var / "postgres")
        self.database.start()

    def burn(self, every: float, senders: list[threading.Thread]) -> None:
        """Until all is sent. In the thread that this began in: the database ends with the thread that started it."""
        acts: list[tuple[str, Callable[[], None]]] = [
            ("worker", lambda: self.programs["worker"].kill()),
            ("web", lambda: self.programs["web"].kill()),
            ("broker", lambda: self.broker.fall(2)),  # gone for two seconds, and empty when it comes back
            ("postgres", self.kill_database),
        ]
        turn = 0
        while True:
            end = time.monotonic() + every
            while time.monotonic() < end:
                if not any(sender.is_alive() for sender in senders):
                    return
                time.sleep(0.1)
            name, act = acts[turn % len(acts)]
            act()
            self.hits[name] += 1
            turn += 1

    def send(self, waiting: queue.Queue[tuple[str, bytes]], secret: str, start: float, per_second: float) -> None:
        """Takes reports in order, each at its time, and sends it until it is acknowledged."""
        while True:
            try:
                number, run_id, body = waiting.get_nowait()  # type: ignore[misc]
            except queue.Empty:
                return
            time.sleep(max(0.0, start + number / per_second - time.monotonic()))
            while not self._sent(run_id, body, secret):
                time.sleep(0.2)

    def _sent(self, run_id: str, body: bytes, secret: str) -> bool:
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1/reports/", body, headers)
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - our own address
                answer.read()
                self.answers[str(answer.status)] += 1
                self.acknowledged.add(run_id)
                return True
        except urllib.error.HTTPError as error:
            self.answers[str(error.code)] += 1
            if error.code < 500:
                raise
        except (OSError, http.client.HTTPException):
            self.answers["no answer"] += 1
        return False

    def stop(self) -> None:
        for program in getattr(self, "programs", {}).values():
            program.stop()
        self.database.stop()
        self.broker.erase()


def bodies(number: int) -> list[tuple[int, str, bytes]]:
    from reports.recorded import files

    sent = (json.loads(one.body) for one in files.every())
    report = next(one for one in sent if one["runs"][0]["case"] == CASE)
    report["runs"] = report["runs"][:1]
    made = []
    for index in range(number):
        report["run_id"] = f"chaos-{index:08d}"
        made.append((index, report["run_id"], json.dumps(report).encode()))
    return made


def settle(seconds: float) -> None:
    """Waits until nothing is pending. Its own connection was cut with the database, and is made anew each time."""
    from django.db import Error, connection

    from reports.models import Report

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(Error):
            connection.close()
            if not Report.objects.filter(state__in=("received", "ingesting")).exists():
                return
        time.sleep(0.5)


def judged(fire: Fire, number: int) -> list[str]:
    """What is wrong, and the ledger, printed."""
    from reports.models import Evidence, Report
    from reports.pages.ledger import ledger
    from reports.totals import check

    now = ledger()
    states = {label: count for _, label, count in now.states}
    there = Counter(Report.objects.exclude(run_id=None).values_list("run_id", flat=True))
    settled = set(Report.objects.filter(state="settled").values_list("run_id", flat=True))
    keys = Counter(Evidence.objects.values_list("report", "key", "case"))
    with_evidence = Evidence.objects.values("report").distinct().count()
    disagree = [*check.disagreements(), *check.miscounts()]
    print("broker:", urlsplit(fire.broker.environment["CELERY_BROKER_URL"]).scheme)
    print("killed:", ", ".join(f"{name} {count}" for name, count in sorted(fire.hits.items())))
    print("answers:", ", ".join(f"{name} {count}" for name, count in sorted(fire.answers.items())))
    print("ledger:", now.received, "received =", " + ".join(f"{count} {name}" for name, count in states.items()))
    attempts = Counter(Report.objects.values_list("attempts", flat=True))
    print("attempts:", ", ".join(f"{count} at attempt {attempt}" for attempt, count in sorted(attempts.items())))
    print(
        f"evidence: {len(keys)} of {with_evidence} reports; tallies and totals that disagree with it: {len(disagree)}"
    )
    wrong = {
        "acknowledged and lost": len(fire.acknowledged - there.keys()),
        "sent and never acknowledged": number - len(fire.acknowledged),
        "there twice": sum(count > 1 for count in there.values()),
        "acknowledged and not settled": len(fire.acknowledged - settled),
        "evidence twice": sum(count > 1 for count in keys.values()),
        "settled without evidence": len(settled) - with_evidence,
        "ledger off by": now.received - sum(states.values()),
        "tallies and totals that disagree": len(disagree),
    }
    for what, count in wrong.items():
        print(f"  {what}: {count}")
    return [what for what, count in wrong.items() if count]


def prepare(var: Path) -> tuple[Fire, str]:
    shutil.rmtree(var, ignore_errors=True)
    var.mkdir(parents=True)
    fire = Fire(var, free_port())
    os.environ.update(
        DATABASE_URL=fire.database.url,
        **fire.broker.environment,
        UNMIGRATABLE_MODE="local",
        UNMIGRATABLE_VAR=str(var),
        UNMIGRATABLE_SECRET_KEY="only-for-the-chaos-" * 4,
        UNMIGRATABLE_LIMITS="send=900000000/60",
        UNMIGRATABLE_LEASE_SECONDS="5",
        UNMIGRATABLE_SWEEP_SECONDS="2",
        DJANGO_SETTINGS_MODULE="config.settings",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from catalog.models.text import Origin
    from catalog.revisions import store
    from people.access import machines
    from people.models import User

    store.save((ROOT / "data" / "cases" / f"{CASE}.md").read_text(), origin=Origin.FILE)
    return fire, machines.add("chaos", User.objects.create(username="chaos"), trusted=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=20_000)
    parser.add_argument("--per-second", type=float, default=100.0)
    parser.add_argument("--every", type=float, default=12.0, help="Seconds between two kills.")
    given = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    fire, secret = prepare(ROOT / "var" / "chaos")
    try:
        fire.start()
        waiting: queue.Queue[Any] = queue.Queue()
        for one in bodies(given.reports):
            waiting.put(one)
        start = time.monotonic()
        senders = [
            threading.Thread(target=fire.send, args=(waiting, secret, start, given.per_second)) for _ in range(SENDERS)
        ]
        for sender in senders:
            sender.start()
        fire.burn(given.every, senders)
        took = time.monotonic() - start
        settle(300)
        rest = time.monotonic() - start
        print(f"{given.reports} reports in {took:.0f} s, {given.reports / took:.0f}/s; all at rest after {rest:.0f} s")
        wrong = judged(fire, given.reports)
    finally:
        fire.stop()
    print("WRONG: " + ", ".join(wrong) if wrong else "the ledger adds up, nothing twice, nothing lost")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
