"""Load on a cluster, and what it should come to: reports that are sent until they are acknowledged, and a reader."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import logging
import os
import queue
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.cluster.site import NAME, Cluster

CASE = "fuse-writeback"
SENDERS = 8
SETTLE_SECONDS = 600.0
PATIENCE_SECONDS = 900.0  # of a sender, for one report


@dataclass
class Seen:
    """What a round of load saw. Times are seconds since it began."""

    sent: int
    acknowledged: dict[str, float] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    without_retry: int = 0
    again: list[str] = field(default_factory=list)  # to be sent once more, as what a restore has lost
    notes: list[str] = field(default_factory=list)
    begun: float = 0.0
    fault_at: float = 0.0
    mended_at: float = 0.0
    settled_at: float = 0.0

    def longest_gap(self) -> float:
        """How long nothing was acknowledged, at the longest."""
        moments = sorted(self.acknowledged.values())
        return max((b - a for a, b in itertools.pairwise(moments)), default=0.0)


class Load:
    def __init__(self, site: Cluster) -> None:
        self.site, self.rounds, self.every = site, 0, set[str]()
        self.given_up, self.lines = threading.Event(), set[socket.socket]()
        self._open_database()
        from reports.recorded import files

        site.manage("add_person", "chief", "--role", "maintainer")
        self.token = site.manage("add_machine", "cluster").strip()
        sent = (json.loads(one.body) for one in files.every())
        self.report = next(one for one in sent if one["runs"][0]["case"] == CASE)
        self.report["runs"] = self.report["runs"][:1]

    def _open_database(self) -> None:
        """Django in this process, which looks at what the cluster's nodes have written."""
        os.environ.update({k: v for k, v in self.site.environment.items() if k.startswith(("UNMIG", "DATAB", "CELER"))})
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        import django

        django.setup()
        logging.disable(logging.WARNING)  # the pool's own words on connections that a fault has ended

    def run(self, number: int, per_second: float, fault: Callable[[Seen], None] | None = None) -> Seen:
        """Sends so many; calls `fault` after five seconds of it. Whatever ends that, a fault that fails or Ctrl-C, ends
        the senders with it: nobody is waited for who sends to what is being taken away."""
        self.rounds += 1
        self.given_up.clear()
        seen, waiting = Seen(number), queue.Queue[int]()
        for index in range(number):
            waiting.put(index)
        seen.begun = time.monotonic()
        over = threading.Event()
        senders = [threading.Thread(target=self._send, args=(seen, waiting, per_second)) for _ in range(SENDERS)]
        reader = threading.Thread(target=self._read, args=(seen, over))
        for one in (*senders, reader):
            one.start()
        try:
            if fault:
                time.sleep(5)
                seen.fault_at = time.monotonic() - seen.begun
                fault(seen)
                seen.mended_at = seen.mended_at or time.monotonic() - seen.begun
            for one in senders:
                one.join()
        except BaseException:
            self._give_up()
            raise
        finally:
            over.set()
            for one in (*senders, reader):
                one.join()
            self.every |= seen.acknowledged.keys()
        for run in seen.again:
            self.send_until_acknowledged(seen, run)
        self.every |= seen.acknowledged.keys()
        self._settle(seen)
        return seen

    def _give_up(self) -> None:
        """Senders and the reader end at once, whatever they wait for."""
        self.given_up.set()
        for one in list(self.lines):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _send(self, seen: Seen, waiting: queue.Queue[int], per_second: float) -> None:
        while not self.given_up.is_set():
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            self.given_up.wait(max(0.0, seen.begun + number / per_second - time.monotonic()))
            self.send_until_acknowledged(seen, f"round-{self.rounds}-{number:06d}")

    def body(self, run: str) -> bytes:
        return json.dumps({**self.report, "run_id": run}).encode()

    def send_until_acknowledged(self, seen: Seen, run: str) -> None:
        body = self.body(run)
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end and not self.given_up.is_set():
            code, headers = self.ask("POST", "/api/v1/reports/", body)
            seen.answers[code] += 1
            seen.without_retry += _owes_a_time(code, headers)
            if code in ("200", "202"):
                seen.acknowledged[run] = time.monotonic() - seen.begun
                return
            self.given_up.wait(0.3)

    def _read(self, seen: Seen, over: threading.Event) -> None:
        while not over.wait(0.5):
            code, headers = self.ask("GET", "/cases/fuse-writeback/")
            seen.pages[code] += 1
            seen.without_retry += _owes_a_time(code, headers)

    def ask(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[str, http.client.HTTPMessage]:
        """The status, or 'no answer'; over TLS that is verified, by the site's name."""
        line = http.client.HTTPSConnection(self.site.front, timeout=30, context=self.site.trust)
        headers = {"Host": NAME, "Content-Type": kind}
        if body:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            raw = socket.create_connection((self.site.front, 443), 10)
            raw.settimeout(30)
            line.sock = self.site.trust.wrap_socket(raw, server_hostname=NAME)
            self.lines.add(line.sock)
            line.request(method, path, body, headers)
            answer = line.getresponse()
            answer.read()
            return str(answer.status), answer.headers
        except (OSError, http.client.HTTPException):
            return "no answer", http.client.HTTPMessage()
        finally:
            self.lines.discard(line.sock)
            line.close()

    def _settle(self, seen: Seen) -> None:
        from django.db import Error, connection

        from reports.models import Report

        end = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(Error):
                connection.close()
                if not Report.objects.filter(state__in=("received", "ingesting")).exists():
                    break
            time.sleep(0.3)
        seen.settled_at = time.monotonic() - seen.begun

    def judged(self, seen: Seen) -> list[str]:
        """What is wrong after this round, of all rounds so far. Empty where the ledger adds up."""
        from reports.models import Evidence, Report
        from reports.pages.ledger import ledger
        from reports.totals import check

        now = ledger()
        there = Counter(Report.objects.exclude(run_id=None).values_list("run_id", flat=True))
        settled = set(Report.objects.filter(state="settled", run_id__in=self.every).values_list("run_id", flat=True))
        proved = Evidence.objects.filter(report__run_id__in=self.every).values("report").distinct().count()
        keys = Counter(Evidence.objects.values_list("report", "key", "case"))
        wrong = {
            "acknowledged and lost": len(self.every - there.keys()),
            "never acknowledged": seen.sent - len(seen.acknowledged),
            "there twice": sum(count > 1 for count in there.values()),
            "acknowledged and not settled": len(self.every - settled),
            "evidence twice": sum(count > 1 for count in keys.values()),
            "settled without evidence": len(settled) - proved,
            "ledger off": now.received - sum(count for _, _, count in now.states),
            "counts that disagree": len(check.disagreements()) + len(check.miscounts()),
        }
        return [f"{what}: {count}" for what, count in wrong.items() if count]


def _owes_a_time(code: str, headers: http.client.HTTPMessage) -> bool:
    """An answer of 500 and above, that does not say when to try again."""
    return code.isdigit() and code >= "500" and "Retry-After" not in headers
