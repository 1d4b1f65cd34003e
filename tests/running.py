"""A whole site, started as `make run` starts it, in a folder of its own, for tests that need real processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90.0
PATIENCE_SECONDS = 90.0  # for what comes at once where nothing runs beside it
PROGRAMS = ("web", "worker", "errands", "beat")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(what: Callable[[], Any], seconds: float, said: str | Callable[[], str]) -> Any:
    """The first true answer of `what`; fails with `said`, or what that says by then, after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < end, said if isinstance(said, str) else said()
        time.sleep(0.1)


def process_table() -> dict[int, tuple[int, str]]:
    """Every process by its id: its parent and its command line."""
    table = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if stat[0] != "Z":
            table[int(folder.name)] = (int(stat[1]), command)
    return table


def descendants(pid: int) -> set[int]:
    table, found = process_table(), {pid}
    while True:
        more = {child for child, (parent, _) in table.items() if parent in found} - found
        if not more:
            return found - {pid}
        found |= more


class Kept:
    """A program that is started again whenever it ends."""

    def __init__(
        self, command: list[str], log: Path, environment: dict[str, str] | None = None, folder: Path = ROOT
    ) -> None:
        self.command, self.log, self.environment, self.folder = command, log, environment, folder
        self.over, self.deaths = False, -1
        self.process: subprocess.Popen[bytes] | None = None
        self.thread = threading.Thread(target=self._keep)
        self.thread.start()

    def _keep(self) -> None:
        while not self.over:
            self.deaths += 1
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    self.command,
                    cwd=self.folder,
                    env=self.environment,
                    start_new_session=True,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            self.process.wait()
            self._kill_group()
            time.sleep(0.3)

    def end(self) -> None:
        """Asked to end, as systemd asks; it finishes what it has, and is not started again."""
        self.over = True
        if self.process and self.process.poll() is None:
            self.process.terminate()
        self.thread.join()

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self._kill_group()

    def _kill_group(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def stop(self) -> None:
        self.over = True
        self.kill()
        self.thread.join()


class Nodes:
    """Web, worker and beat of `make run` on a database that is there already, each started again when it ends."""

    def __init__(self, var: Path, database_url: str, only: Collection[str] = PROGRAMS, **environment: str) -> None:
        from local.run import commands

        var.mkdir(parents=True, exist_ok=True)
        self.port, self.log = free_port(), var / "nodes.log"
        surroundings = {
            **{k: v for k, v in os.environ.items() if not k.startswith("COV")},
            "DATABASE_URL": database_url,
            "UNMIGRATABLE_VAR": str(var),
            "UNMIGRATABLE_LEASE_SECONDS": "4",
            "UNMIGRATABLE_SWEEP_SECONDS": "2",
            **environment,
        }
        made = commands(self.port)
        made["beat"][made["beat"].index("--schedule") + 1] = str(var / "beat")
        self.programs = {name: Kept(made[name], self.log, surroundings) for name in only}

    def send(self, token: str, report: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return asked_to_keep(f"http://127.0.0.1:{self.port}", token, report)

    def is_up(self) -> bool:
        try:
            return asked(urllib.request.Request(f"http://127.0.0.1:{self.port}/healthz"))[0] == 200
        except OSError:
            return False

    def stop(self) -> None:
        for program in self.programs.values():
            program.stop()


def asked(request: urllib.request.Request) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def asked_to_keep(url: str, token: str, report: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps(report).encode()
    code, answer = asked(urllib.request.Request(url + "/api/v1/reports/", body, headers))
    return code, json.loads(answer)


class Site:
    def __init__(self, var: Path, **environment: str) -> None:
        self.var, self.port = var, free_port()
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("UNMIGRATABLE_", "DATABASE_", "CELERY_", "COV"))
        }
        self.environment = {
            **kept,
            "UNMIGRATABLE_VAR": str(var),
            "PORT": str(self.port),
            "UNMIGRATABLE_LEASE_SECONDS": "4",
            "UNMIGRATABLE_SWEEP_SECONDS": "2",
            **environment,
        }
        self.log = var.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.run"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(self._answers, START_SECONDS, lambda: f"the site did not start: {self.log.read_text()[-3000:]}")
        self.pids = descendants(self.process.pid)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return (self.var / "running.json").exists() and self.get("/readyz")[0] == 200
        except OSError:
            return False

    def get(self, path: str) -> tuple[int, bytes]:
        return asked(urllib.request.Request(self.url + path))

    def send(self, token: str, report: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return asked_to_keep(self.url, token, report)

    def json(self, path: str) -> dict[str, Any]:
        code, body = self.get(path)
        assert code == 200, (path, code, body[:300])
        made: dict[str, Any] = json.loads(body)
        return made

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """manage.py as a person would call it, with nothing set but the folder."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**kept, "UNMIGRATABLE_VAR": str(self.var)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def token(self, name: str = "box") -> str:
        done = self.manage("add_machine", name)
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(r"umg_\S+\n", done.stdout), done.stdout
        return done.stdout.strip()

    def kill_worker(self) -> None:
        """SIGKILL to the worker that owns the pool, as soon as there is one that works."""

        def workers() -> list[int]:
            table = process_table()
            mains = [
                p for p, (parent, line) in table.items() if parent == self.process.pid and "worker -Q ingest " in line
            ]
            return [p for p in mains if any(parent == p for parent, _ in table.values())]

        os.kill(until(workers, PATIENCE_SECONDS, "there is no worker")[0], signal.SIGKILL)

    def stop(self, number: int = signal.SIGINT) -> set[int]:
        """Ends it, and returns whoever is still there of all that it ever had."""
        if self.process.poll() is None:
            self.pids |= descendants(self.process.pid)
            self.process.send_signal(number)
        self.process.wait(90)
        return self.left(20)

    def left(self, seconds: float) -> set[int]:
        end = time.monotonic() + seconds
        while (there := self.pids & process_table().keys()) and time.monotonic() < end:
            time.sleep(0.1)
        return there
