"""Everything that a stranger can send, changed at random, against the whole site in one process, for as long as asked.

    python -m tests.fuzz.everything --seconds 3600 --seed 1 [--inputs FOLDER]

It starts a database of its own. Of every request the CPU time is measured, of the helpers too (rest.bounds); what was
slow for its size is changed further, so that inputs grow towards what costs. At the end: requests and the slowest of
each kind, answers of 500 and above, memory and rows before and after. It ends with 1 where there was an answer of 500
or above, or a request over the bound: 2 CPU seconds, 2 more for each MiB begun, which is when rest.bounds ends a text,
and half a second for the request around it. Such inputs are kept below var/fuzz.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "var" / "fuzz"
SECONDS, SECONDS_PER_MIB = 2.0, 2.0
AROUND = 0.5  # of a request whose text was ended at its limit, and of the page that says so
POOL = 60
MIB = 1 << 20


@dataclass
class Kind:
    """`pool`: what is changed next, with the cost of each; the cheapest for its size gives way."""

    pool: list[tuple[float, bytes]]
    answers: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, 0)
    over: int = 0

    def keep(self, seconds: float, sent: bytes) -> None:
        cost = seconds / (1 + len(sent) / 10_000)
        if len(self.pool) < POOL:
            self.pool.append((cost, sent))
            return
        index = min(range(len(self.pool)), key=lambda n: self.pool[n][0])
        if cost > self.pool[index][0]:
            self.pool[index] = (cost, sent)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inputs", type=Path, action="append", default=[], help="a folder of inputs to begin with")
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = _set_up(Path(folder))
        try:
            return _run(given)
        finally:
            database.stop()


def _set_up(folder: Path) -> Any:
    from local.postgres import FAST, Postgres

    database = Postgres(folder / "postgres", FAST)
    database.start()
    os.environ.update(
        DATABASE_URL=database.url,
        UNMIGRATABLE_MODE="local",
        UNMIGRATABLE_SECRET_KEY="only-for-the-fuzz-" * 4,
        CELERY_BROKER_URL="memory://",
        UNMIGRATABLE_VAR=str(folder),
        DJANGO_SETTINGS_MODULE="config.settings",
    )
    (folder / "static").mkdir()
    from django.conf import settings

    # Limits are for others to test; mail goes nowhere; a password's hash is meant to cost.
    settings.LIMITS = {}
    settings.MAIL_IN = "in.fuzz.example"
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    import django
    from django.core.management import call_command

    django.setup()
    logging.disable(logging.WARNING)
    logging.getLogger("django.request").addHandler(_Errors())
    call_command("migrate", verbosity=0)
    call_command("load_cases", verbosity=0)
    from reports.intake.bell import Bell

    Bell.ring = Bell.ring_now = lambda self: None  # type: ignore[method-assign]  # `worker` is a kind of its own here
    return database


class _Errors(logging.Handler):
    """The first traceback of each place that broke."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = logging.Formatter().format(record)
        place = "\n".join(text.splitlines()[-3:])
        if record.exc_info and place not in self.seen:
            self.seen.add(place)
            print(text[-4_000:], flush=True)


def _run(given: argparse.Namespace) -> int:
    from tests.fuzz.mutate import corpus, mutated
    from tests.fuzz.senders import Senders

    chance = random.Random(given.seed)
    senders = {name: one for name, one in Senders().all().items() if given.only in name}
    others = corpus(*given.inputs)
    kinds = {name: Kind([(0.0, seed) for seed in one.seeds]) for name, one in senders.items()}
    waiting = [
        (name, piece) for name, one in senders.items() if one.most > 1 for piece in others if len(piece) <= one.most
    ]
    chance.shuffle(waiting)
    end, told, before = time.monotonic() + given.seconds, time.monotonic(), None
    number = 0
    while time.monotonic() < end:
        number += 1
        if waiting and number % 3 == 0:
            name, sent = waiting.pop()
        else:
            name = chance.choice(list(senders))
            sent = mutated(chance.choice(kinds[name].pool)[1], others, senders[name].most, chance)
        _one(name, kinds[name], senders[name].send, sent)
        if number == 500:
            before = _state()
        if time.monotonic() - told > 60:
            told = time.monotonic()
            failed = sum(n for kind in kinds.values() for status, n in kind.answers.items() if status >= 500)
            print(f"{number} requests, {failed} of 500 and above, {_state()[0]:.0f} MiB", flush=True)
    return _tell(kinds, before or _state(), _state())


def _one(name: str, kind: Kind, send: Any, sent: bytes) -> None:
    began = _cpu_seconds()
    status = send(sent).status_code
    seconds = max(_cpu_seconds() - began, 0.0)
    kind.answers[status] += 1
    kind.seconds += seconds
    kind.slowest = max(kind.slowest, (seconds, len(sent)))
    if sent:
        kind.keep(seconds, sent)
    over = seconds > SECONDS + SECONDS_PER_MIB * math.ceil(len(sent) / MIB) + AROUND
    kind.over += over
    if over or status >= 500:
        KEPT.mkdir(parents=True, exist_ok=True)
        path = KEPT / f"{name.replace(', ', '-').replace(' ', '-')}-{status}-{seconds:.1f}s-{kind.answers.total()}"
        path.write_bytes(sent)
        print(f"{name}: {status} after {seconds:.2f} CPU s, {len(sent)} bytes, kept in {path}", flush=True)


def _cpu_seconds() -> float:
    """Of this process, of helpers that ended, and of those that live: none works while nobody asks it."""
    from rest.bounds import bounded

    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = time.process_time() + ended.ru_utime + ended.ru_stime
    return own + sum(_ticks(helper.process.pid) for helper in bounded._pool.idle) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _state() -> tuple[float, dict[str, int]]:
    """MiB of memory of this process and its helpers, and rows of each table that has some."""
    from django.apps import apps

    from rest.bounds import bounded

    pids = ["self", *(str(helper.process.pid) for helper in bounded._pool.idle)]
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    rows = {model._meta.db_table: model._default_manager.count() for model in apps.get_models() if model._meta.managed}
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB, rows


def _tell(kinds: dict[str, Kind], before: tuple[float, dict[str, int]], after: tuple[float, dict[str, int]]) -> int:
    print(f"\n| {'kind':24} | requests | mean CPU ms | slowest CPU s | of bytes | answers |\n|---|--:|--:|--:|--:|---|")
    for name, kind in kinds.items():
        nr = kind.answers.total()
        answers = ", ".join(f"{n} × {status}" for status, n in sorted(kind.answers.items()))
        mean = 1000 * kind.seconds / max(nr, 1)
        print(f"| {name:24} | {nr} | {mean:.1f} | {kind.slowest[0]:.2f} | {kind.slowest[1]} | {answers} |")
    failed = sum(n for kind in kinds.values() for status, n in kind.answers.items() if status >= 500)
    over = sum(kind.over for kind in kinds.values())
    total = sum(kind.answers.total() for kind in kinds.values())
    print(f"\n{total} requests; answers of 500 and above: {failed}; over the bound of CPU: {over}.")
    print(f"Memory {before[0]:.0f} MiB after 500 requests, {after[0]:.0f} MiB at the end.")
    grown = {table: n for table, n in after[1].items() if n != before[1].get(table, 0)}
    print("Rows: " + ", ".join(f"{table} {before[1].get(table, 0)} to {n}" for table, n in grown.items()) + ".")
    return 1 if failed or over else 0


if __name__ == "__main__":
    sys.exit(main())
