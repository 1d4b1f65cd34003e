"""SQUAD 1.98 on this machine, with the same database server, the same gunicorn and the same report as ours.

It parses a submission while its sender waits: what answers 201 is processed, and only notices go to its worker. So its
answer's time is the time from submit to processed. It lives in `var/squad`; `make var/squad/bin/squad` installs it.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from kombu import Connection

from bench import load
from tests import brokers
from tests.running import free_port

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / "var" / "squad" / "bin" / "python"
KEPT = 201
_PREPARE = """
import importlib.metadata, json
import django; django.setup()
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from rest_framework.authtoken.models import Token
from squad.core.models import Group
call_command("migrate", verbosity=0)
user = User.objects.create(username="bench")
group = Group.objects.create(slug="bench")
group.add_admin(user)
group.projects.create(slug="bench")
queues = sorted({one["queue"] for one in settings.CELERY_TASK_ROUTES.values()} | {settings.CELERY_TASK_DEFAULT_QUEUE})
token = Token.objects.create(user=user).key
print(json.dumps({"version": importlib.metadata.version("squad"), "token": token, "queues": queues}))
"""


# Read by each of its processes as it starts. Its pages fetch scripts for browsers from the network when they are
# imported, and it does not start where there is none; a submission needs none of them.
_SITE = """
import sys, types
sys.modules["squad.frontend.setup"] = without = types.ModuleType("squad.frontend.setup")
without.setup_staticfiles = lambda: None
"""


class Squad:
    """Its web and, where RabbitMQ is there, its worker. `.port` answers once `wait` came back; `stop` ends both."""

    def __init__(self, database_url: str, var: Path) -> None:
        (var / "start").mkdir(parents=True, exist_ok=True)
        (var / "start" / "sitecustomize.py").write_text(_SITE)
        self.base, self.broker = database_url.rpartition("/")[0], _broker()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS squad WITH (FORCE)")
            connection.execute("CREATE DATABASE squad")
        server = urlsplit(database_url)
        host = unquote(server.netloc.rpartition("@")[2])
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("DJANGO_", "CELERY_", "DATABASE_"))},
            "DATABASE": f"ENGINE=django.db.backends.postgresql:NAME=squad:USER={server.username}:HOST={host}",
            "DJANGO_SETTINGS_MODULE": "squad.settings",
            "PYTHONPATH": str(var / "start"),
            "ENV": "production",
            "SECRET_KEY": "only-for-the-bench-" * 4,
            "SQUAD_STORAGE_DIR": str(var / "storage"),
            "SQUAD_STATIC_DIR": str(var / "static"),
            "SQUAD_BASE_URL": "http://127.0.0.1",
            "SQUAD_LOG_LEVEL": "WARNING",
            "DJANGO_LOG_LEVEL": "CRITICAL",
            "SQUAD_CELERY_QUEUE_NAME_SUFFIX": f"-bench-{secrets.token_hex(4)}",
            **({"SQUAD_CELERY_BROKER_URL": self.broker} if self.broker else {}),
        }
        self.log, self.var, self.port = (var / "log").open("ab"), var, free_port()
        made = json.loads(
            self._run(["-W", "ignore", "-c", _PREPARE], stdout=subprocess.PIPE).communicate(timeout=300)[0]
        )
        self.version, self.token, self.queues = made["version"], made["token"], made["queues"]
        web = ["-m", "gunicorn", "squad.wsgi", "--bind", f"127.0.0.1:{self.port}", "--workers", "2", "--threads", "4"]
        web += ["--worker-class", "gthread", "--keep-alive", "60", "--log-level", "warning"]
        worker = ["-m", "squad.run.worker", "--concurrency", "2", "--loglevel", "ERROR"]
        self.processes = [self._run(command) for command in ([web, worker] if self.broker else [web])]

    def _run(self, command: list[str], **more: Any) -> subprocess.Popen[bytes]:
        given = {"stdout": self.log, "stderr": self.log, **more}
        return subprocess.Popen([str(PYTHON), *command], cwd=self.var, env=self.environment, **given)

    def wait(self) -> None:
        """Until it takes a submission: the first one of each process loads much."""
        body = self.request(b"x" * 100).replace(load.MARK, b"warm-up-" + secrets.token_hex(13).encode()[:25])
        end = time.monotonic() + 120
        while time.monotonic() < end and self.processes[0].poll() is None:
            try:
                if load.once(self.port, body) == KEPT:
                    return
            except (OSError, IndexError):
                pass
            time.sleep(0.5)
        raise RuntimeError(f"SQUAD did not come up; see {self.log.name}")

    def request(self, report: bytes) -> bytes:
        """A submission, as its documentation says: a test's result, what tells one job from another, the log."""
        fields = {
            "tests": json.dumps({"fuse-writeback/compaction": "fail"}).encode(),
            "metadata": json.dumps({"job_id": load.MARK.decode()}).encode(),
            "log": report.replace(load.MARK, b"the same in every submission"),
        }
        edge = "an-edge-that-no-report-has"
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
            for name, value in fields.items()
        ]
        body = b"".join(parts) + f"--{edge}--\r\n".encode()
        kind, address = f"multipart/form-data; boundary={edge}", "/api/submit/bench/bench/6.18.44/x86_64"
        return load.request(address, body, self.token, kind, scheme="Token")

    def times(self, report: bytes, names: Iterator[bytes], per_second: int, seconds: int) -> list[float]:
        """From submit to processed, in seconds, sorted, on one connection."""
        before, after = self.request(report).split(load.MARK)
        start, found = time.monotonic(), []
        for number in range(per_second * seconds):
            time.sleep(max(0.0, start + number / per_second - time.monotonic()))
            sent = time.monotonic()
            if load.once(self.port, before + next(names) + after) == KEPT:
                found.append(time.monotonic() - sent)
        return sorted(found)

    def processed(self) -> tuple[int, int]:
        """Its test runs, and how many of them are parsed and counted."""
        with psycopg.connect(f"{self.base}/squad") as connection:
            row = connection.execute(
                "SELECT count(*), count(*) FILTER (WHERE data_processed AND status_recorded) FROM core_testrun"
            ).fetchone()
        assert row is not None
        return row[0], row[1]

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.broker:
            with Connection(self.broker) as connection, connection.channel() as channel:
                for queue in self.queues:
                    channel.queue_delete(queue)
        self.log.close()


def is_there() -> bool:
    return PYTHON.with_name("squad").exists()


def _broker() -> str:
    """RabbitMQ, as its documentation recommends, or '' where there is none: then the web does the worker's work too."""
    url = brokers.URLS["RabbitMQ"]
    try:
        with Connection(url, connect_timeout=3) as connection:
            connection.connect()
    except OSError:
        return ""
    return url
