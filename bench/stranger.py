"""A stranger does what the limits allow, while a lab submits and somebody reads. What do these two notice?

    python -m bench.stranger [--requests 10000] [--seconds 300] [--inputs FOLDER]

The stranger has an account of some minutes, a machine that nobody trusts, and as many connections as it likes. It sends
every file of FOLDER to each door that takes it, then the bodies below, page addresses and forms, one request after the
other on each connection and without a pause. Before that comes the same time without the stranger, so that the
latencies and the growth of the database can be set side by side. Site, database and all traffic stay on loopback.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import itertools
import json
import random
import statistics
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench import load
from bench.site import names, template

LAB_PER_SECOND = 50
STRANGERS = 6
WAIT_SECONDS = 120.0
PAGES = ("/", "/cases/fuse-writeback/", "/kernels/", "/affected/?kernel=6.12.1", "/search/?q=writeback", "/strategies/")
DOORS = ("/diagnose/", "/api/v1/diagnose/", "/diagnose/share/")
MOST_GROWTH_BYTES, MOST_P99_SECONDS = 20_000_000, 1.0


@dataclass
class Heard:
    """Answers by kind of request: seconds of each, and how often each status came. 0 stands for none."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, status: int, seconds: float) -> None:
        with self.lock:
            self.seconds[kind].append(seconds)
            self.statuses[kind][status] += 1

    def p99(self, kind: str) -> float:
        values = self.seconds[kind]
        return statistics.quantiles(values, n=100)[98] if len(values) > 1 else 0.0

    def table(self) -> Iterator[str]:
        yield f"  {'':22} {'asked':>6} {'median':>8} {'p99':>8} {'worst':>8}  answers"
        for kind, values in sorted(self.seconds.items()):
            told = ", ".join(f"{status or 'none'}: {count}" for status, count in sorted(self.statuses[kind].items()))
            times = f"{statistics.median(values):8.3f} {self.p99(kind):8.3f} {max(values):8.3f}"
            yield f"  {kind:22} {len(values):6} {times}  {told}"


@dataclass
class Asked:
    kind: str
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Client:
    """One connection at a time, from an address of its own: limits count by address."""

    def __init__(self, port: int, address: str, heard: Heard) -> None:
        self.port, self.address, self.heard = port, address, heard
        self.connection: http.client.HTTPConnection | None = None

    def ask(self, asked: Asked) -> int:
        began, status = time.monotonic(), 0
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(
                    "127.0.0.1", self.port, timeout=WAIT_SECONDS, source_address=(self.address, 0)
                )
            self.connection.request(asked.method, asked.path, asked.body or None, asked.headers)
            answer = self.connection.getresponse()
            answer.read()
            status = answer.status
            if answer.will_close:
                self._hang_up()
        except (OSError, http.client.HTTPException):
            self._hang_up()
        self.heard.note(asked.kind, status, time.monotonic() - began)
        return status

    def _hang_up(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None


def from_folder(folder: Path | None, token: str) -> Iterator[Asked]:
    """Every file, to each door that it might have been made for."""
    for path in sorted(folder.glob("*")) if folder else []:
        packed = {"Content-Encoding": "gzip"} if path.suffix == ".gz" else {}
        body, name = path.read_bytes(), path.name
        for door in DOORS:
            yield Asked("a given file", "POST", door, body, {"Content-Type": "text/plain", **packed})
        sent = {"Authorization": f"Bearer {token}", **packed}
        json_type = "application/vnd.kcidb+json" if name.startswith("kcidb") else "application/json"
        yield Asked("a given file", "POST", "/api/v1/reports/?kernel=6.1", body, {"Content-Type": json_type, **sent})
        yield Asked("a given file", "POST", "/api/v1/reports/?kernel=6.1", body, {"Content-Type": "text/plain", **sent})
        yield Asked("a given file", "POST", "/api/v1/batch/", body, {"Content-Type": "application/x-ndjson", **sent})


def made_up(token: str, chance: random.Random) -> Iterator[Asked]:
    """Without end: what is cheap to send and was once dear to answer."""
    mine = {"Authorization": f"Bearer {token}"}
    text = {"Content-Type": "text/plain"}
    gzipped = {**text, "Content-Encoding": "gzip"}
    dear = [gzip.compress(piece * 100_000) for piece in (b"a.", b"1.", b"=\n", b"a-b@", b"0x1:", b"=3D=\n", b"[<0>] ")]
    paths = [*PAGES, "/reports/", "/search/?q=zq", "/compare/?a=6.1&b=6.12", "/export/documents.ndjson", "/feeds/"]
    for number in itertools.count():
        word = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz-_. ", k=chance.randint(1, 60))).replace(" ", "+")
        yield Asked("a page", "GET", chance.choice(paths))
        yield Asked("a search", "GET", f"/search/?q={word}")
        yield Asked("a filter", "GET", f"/?effect={word}&kernel={word}&manner={number}")
        yield Asked("a dear log", "POST", chance.choice(DOORS), chance.choice(dear), gzipped)
        bytes_of_nothing = chance.randbytes(chance.randint(1, 1 << 17))
        yield Asked("bytes of nothing", "POST", "/api/v1/reports/", bytes_of_nothing, {**text, **mine})
        yield Asked("a form", "POST", "/sign-in/", b"login=lab&password=wrong", text)
        if number % 50 == 0:
            lines = gzip.compress(b"{\n" * 10_000)
            kind = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip", **mine}
            yield Asked("a batch of nothing", "POST", "/api/v1/batch/", lines, kind)


def strangers(port: int, token: str, wanted: int, end: float, folder: Path | None, heard: Heard) -> None:
    """As many requests, or until `end`, over several connections."""
    chance = random.Random(7)  # noqa: S311 - the same requests each time
    source = itertools.chain(from_folder(folder, token), itertools.islice(made_up(token, chance), wanted))
    lock = threading.Lock()

    def one() -> None:
        client = Client(port, "127.0.0.2", heard)
        while time.monotonic() < end:
            with lock:
                asked = next(source, None)
            if asked is None:
                return
            client.ask(asked)

    run_all([threading.Thread(target=one) for _ in range(STRANGERS)])


def lab(port: int, token: str, end: float, heard: Heard) -> None:
    """A report every 20 ms, each on time: a slow answer does not make the next one late."""
    body, ids, lock, begin = template(), names(), threading.Lock(), time.monotonic()
    head = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    turns = itertools.count()

    def one() -> None:
        client = Client(port, "127.0.0.4", heard)
        while True:
            with lock:
                due, name = begin + next(turns) / LAB_PER_SECOND, next(ids)
            if due > end:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            client.ask(Asked("lab", "POST", "/api/v1/reports/", body.replace(load.MARK, name), head))

    run_all([threading.Thread(target=one) for _ in range(8)])


def reader(port: int, end: float, heard: Heard) -> None:
    client, pages = Client(port, "127.0.0.3", heard), itertools.cycle(PAGES)
    while time.monotonic() < end:
        client.ask(Asked("reader", "GET", next(pages)))
        time.sleep(0.3)


def run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def sitting(port: int, tokens: dict[str, str], seconds: float, wanted: int, folder: Path | None) -> tuple[Heard, int]:
    """Lab and reader for so many seconds, and the stranger where `wanted` is above 0. By how many bytes it grew."""
    heard, before, end = Heard(), size(), time.monotonic() + seconds
    threads = [
        threading.Thread(target=lab, args=(port, tokens["lab"], end, heard)),
        threading.Thread(target=reader, args=(port, end, heard)),
    ]
    if wanted:
        given = (port, tokens["stranger"], wanted, end, folder, heard)
        threads.append(threading.Thread(target=strangers, args=given))
    run_all(threads)
    time.sleep(5)  # the worker settles what came last
    return heard, size() - before


def size() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--inputs", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stranger-") as folder:
        Path(folder).chmod(0o755)
        return _measure(given, Path(folder))


def _measure(given: argparse.Namespace, folder: Path) -> int:
    import os

    from bench.site import prepare
    from tests.running import Nodes, until

    _, lab_token, stop = prepare(folder)
    from django.core.management import call_command

    from people.access import machines
    from people.models import User

    call_command("collectstatic", verbosity=0, interactive=False)
    owner = User.objects.create_user("stranger", password=None)
    tokens = {"lab": lab_token, "stranger": machines.add("strange-box", owner, trusted=False)}
    # The limits as they are shipped: they are what holds the stranger.
    nodes = Nodes(folder, os.environ["DATABASE_URL"], UNMIGRATABLE_LIMITS="")  # where the static files are
    try:
        until(nodes.is_up, 90, nodes.log.read_text)
        quiet, grown_quiet = sitting(nodes.port, tokens, given.seconds, 0, None)
        loud, grown_loud = sitting(nodes.port, tokens, given.seconds, given.requests, given.inputs)
        died = nodes.programs["web"].deaths + nodes.programs["worker"].deaths
    finally:
        nodes.stop()
        stop()
    print(f"without the stranger, {given.seconds:.0f} s:", *quiet.table(), sep="\n")
    print(f"with it, {given.seconds:.0f} s:", *loud.table(), sep="\n")
    return _judge(quiet, loud, grown_quiet, grown_loud, died)


def _judge(quiet: Heard, loud: Heard, grown_quiet: int, grown_loud: int, died: int) -> int:
    # What the lab's own reports take is not the stranger's; both sittings had as many of them.
    growth = grown_loud - round(grown_quiet * len(loud.seconds["lab"]) / max(1, len(quiet.seconds["lab"])))
    failed = sum(n for statuses in loud.statuses.values() for status, n in statuses.items() if status >= 500)
    lost = sum(n for status, n in loud.statuses["lab"].items() if status != 202)
    found = {
        "lab_p99_seconds": round(loud.p99("lab"), 3),
        "reader_p99_seconds": round(loud.p99("reader"), 3),
        "stranger_grew_bytes": growth,
        "answers_5xx": failed,
        "lab_not_taken": lost,
        "processes_died": died,
    }
    print(json.dumps(found))
    good = (
        max(loud.p99("lab"), loud.p99("reader")) < MOST_P99_SECONDS
        and growth < MOST_GROWTH_BYTES
        and not failed + lost + died
    )
    print("held" if good else "did NOT hold")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
