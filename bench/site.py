"""The site that a bench measures: its database, gunicorn as `make run` starts it, one machine, and reports to send."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import load
from local.postgres import Postgres
from tests.running import free_port

ROOT = Path(__file__).resolve().parent.parent


def environment(url: str, folder: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": url,
        "CELERY_BROKER_URL": os.environ.get("BENCH_BROKER") or "filesystem://localhost",
        "UNMIGRATABLE_MODE": "local",
        "UNMIGRATABLE_VAR": str(folder),
        "UNMIGRATABLE_SECRET_KEY": "only-for-the-bench-" * 4,
        "UNMIGRATABLE_LIMITS": "send=900000000/60,batch=900000000/60,read=900000000/60,diagnose=900000000/60",
        "DJANGO_SETTINGS_MODULE": "bench.settings",
    }


def prepare(folder: Path) -> tuple[Any, str, Callable[[], None]]:
    """Database below `folder`, tables, the cases and one machine; the machine, its secret, what stops the database."""
    folder.mkdir(parents=True, exist_ok=True)
    database = Postgres(folder / "postgres")
    database.start()
    os.environ.update(environment(database.url, folder))
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("load_cases", verbosity=0)
    from people.access import machines
    from people.models import Machine, User

    owner, _ = User.objects.get_or_create(username="bench")
    secret = machines.add("bench", owner, trusted=True)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_bare (id bigserial primary key, sha256 text, body bytea)")
        cursor.execute("TRUNCATE bench_bare")
        cursor.execute("SELECT version()")
        print("server:", cursor.fetchone()[0].split(" on ")[0], "fsync on, defaults")
    return Machine.objects.get(name="bench"), secret, database.stop


class Site:
    """Gunicorn with the site, or with the yardstick, as `make run` starts it."""

    def __init__(self, bare: bool) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "gunicorn", "-c", "config/server.py", "config.wsgi", "--keep-alive", "60"]
        command += ["--bind", f"127.0.0.1:{self.port}"]
        surroundings = {**os.environ, **({"BENCH_BARE": "1"} if bare else {})}
        self.process = subprocess.Popen(command, cwd=ROOT, env=surroundings)

    def wait(self) -> None:
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
    from reports.recorded import files

    wanted, best = 5_500, b""
    for one in files.every():
        report = json.loads(one.body)
        report["runs"] = report["runs"][:1]
        report["run_id"] = load.MARK.decode()
        body = json.dumps(report).encode()
        if abs(len(body) - wanted) < abs(len(best) - wanted):
            best = body
    return best


def said(title: str, made: dict[str, list[float]]) -> None:
    first, second = made
    medians = {name: statistics.median(values) for name, values in made.items()}
    for name, values in made.items():
        print(f"  {name:6} median {medians[name]:8.0f}/s  of", " ".join(f"{value:.0f}" for value in values))
    print(f"  ratio of medians, {title}: {first}/{second} = {medians[first] / medians[second]:.2f}", flush=True)
