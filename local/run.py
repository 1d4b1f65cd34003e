"""`make run`: database, web, two workers and beat under one foreground, with one log.

A child that dies is started again; five deaths within half a minute end it all. Every child asks the kernel to
be ended when this process dies, so that nothing is left even after SIGKILL.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.startup import starting
from local.binaries import CannotStart
from local.postgres import PR_SET_PDEATHSIG, Postgres

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("UNMIGRATABLE_VAR") or ROOT / "var")
STATE = VAR / "running.json"
NOTE = VAR / "first-sign-in.txt"
STOP_SECONDS = 12.0
COLOURS = {"web": 36, "worker": 33, "errands": 34, "beat": 35, "start": 32}


def say(name: str, line: str) -> None:
    mark = f"\033[{COLOURS.get(name, 0)}m{name:>7} |\033[0m" if sys.stdout.isatty() else f"{name:>7} |"
    print(f"{time.strftime('%H:%M:%S')} {mark} {line}", flush=True)


class Child:
    """One program that is meant to run for as long as we do."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name, self.command = name, command
        self.deaths: deque[float] = deque(maxlen=5)
        self.process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        threading.Thread(target=self._forward, args=(process,), daemon=True).start()
        return process

    def _forward(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip():
                say(self.name, line.rstrip())

    def tend(self) -> bool:
        """Starts it again where it died. False where it dies so often that there is no use."""
        code = self.process.poll()
        if code is None:
            return True
        now = time.monotonic()
        self.deaths.append(now)
        say("start", f"{self.name} ended with {code}")
        if len(self.deaths) == self.deaths.maxlen and now - self.deaths[0] < 30:
            say("start", f"{self.name} died {len(self.deaths)} times in half a minute: giving up")
            return False
        time.sleep(0.5)
        self.process = self._started()
        return True

    def stop(self) -> None:
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            say("start", f"{self.name} does not end: killed")
        # The group too: a pool process may still be there when its parent is gone.
        _signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        pass


def commands(port: int) -> dict[str, list[str]]:
    python = sys.executable
    # Root is one way to run this; Celery's warning about it would drown the log.
    celery = [python, "-W", "ignore:You're running the worker with superuser", "-m", "celery", "-q", "-A", "config"]
    quiet = ["--without-mingle", "--without-gossip", "--without-heartbeat"]
    return {
        "web": [python, "-m", "gunicorn", "-c", "config/server.py", "config.wsgi", "--bind", f"127.0.0.1:{port}"],
        # Two, so that slow mail or a slow archive holds up no report.
        "worker": [*celery, "worker", "-Q", "ingest", "--concurrency", "2", "--loglevel", "WARNING", *quiet],
        "errands": [
            *(*celery, "worker", "-Q", "mail,hooks,fetch,maintenance", "--concurrency", "2", "--loglevel", "WARNING"),
            *("--hostname", "errands@%h", *quiet),
        ],
        "beat": [*celery, "beat", "--loglevel", "WARNING", "--schedule", str(VAR / "beat"), "--pidfile="],
    }


def prepare(port: int) -> Postgres | None:
    """Fills the environment, starts the database unless one was given, and brings it up to date."""
    key = VAR / "secret-key"
    if not key.exists():
        _write(key, secrets.token_urlsafe(50))
    database = None
    if not os.environ.get("DATABASE_URL"):
        database = Postgres(VAR / "postgres")
        database.start()
        os.environ["DATABASE_URL"] = database.url
    for name, value in {
        "CELERY_BROKER_URL": "filesystem://localhost",
        "UNMIGRATABLE_MODE": "local",
        "UNMIGRATABLE_SECRET_KEY": key.read_text(),
        "UNMIGRATABLE_SITE_URL": f"http://127.0.0.1:{port}",
        "UNMIGRATABLE_COMMIT": _commit(),
    }.items():
        if value and not os.environ.get(name):
            os.environ[name] = value
    return database


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def bring_up_to_date() -> str:
    """Migrations, catalog, static files and the first person, in one process. What the latter is to be told."""
    import django
    from django.core.management import call_command

    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    from config.celery import app

    starting.demand_database()
    starting.demand_broker(app)
    call_command("migrate", verbosity=0)
    call_command("load_cases")
    call_command("load_recorded")
    call_command("collectstatic", verbosity=0, interactive=False)
    return _first_person()


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and for the owner's eyes."""
    fresh = path.with_name(path.name + ".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    fresh.rename(path)


def _first_person() -> str:
    """A maintainer who can sign in, where there is none: what they sign in with, to be shown this once. The note comes
    first: a password must not be lost."""
    from people.models import Role, User

    if User.objects.filter(role=Role.MAINTAINER, is_active=True).exclude(password__startswith="!").exists():
        return ""
    password, number = secrets.token_urlsafe(9), User.objects.filter(username__startswith="maintainer").count()
    name = f"maintainer-{number + 1}" if number else "maintainer"
    _write(NOTE, f"{name} {password}\n")
    User.objects.create_user(name, password=password, role=Role.MAINTAINER)
    return f"sign in as {name}, password {password} (kept in {NOTE}, and not shown again)"


def _welcome(port: int, first: str) -> None:
    say("start", f"http://127.0.0.1:{port}/")
    if first:
        say("start", first)
    elif NOTE.exists():
        say("start", f"name and password of the first maintainer are in {NOTE}")
    say("start", "a machine's token: python3 manage.py add_machine NAME --token-file FILE")
    say("start", "another person: python3 manage.py add_person NAME")
    say("start", "Ctrl-C stops it all")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _remember() -> None:
    """What manage.py needs to find us. Readable by the owner alone: the secret key is in it."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("UNMIGRATABLE_") or name in ADDRESSES}
    _write(STATE, json.dumps({"pid": os.getpid(), "environment": kept}))


def _sentence(error: Exception, database: Postgres | None) -> str | None:
    if isinstance(error, CannotStart):
        return str(error)
    if database and database.process and database.process.poll() is not None:
        return f"The database ended with {database.process.returncode}; see {database.log}.{database.room_left()}"
    return starting.sentence(error)


ADDRESSES = ("DATABASE_URL", "CELERY_BROKER_URL")


class Stopped(Exception):
    pass


def _stop(number: int, _: object) -> None:
    raise Stopped(signal.Signals(number).name)


def main() -> int:
    text = os.environ.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        print(f"PORT: expected a number from 1 to 65535, found {text!r}", file=sys.stderr)
        return 2
    port = int(text)
    try:
        with _only_one():
            if not _free(port):
                raise CannotStart(f"port {port} cannot be had: try another, as in PORT=8123 make run")
            return _run(port)
    except CannotStart as error:
        print(error, file=sys.stderr)
        return starting.EXIT_CODE


@contextmanager
def _only_one() -> Iterator[None]:
    """Makes the folder, and holds it. Raises `CannotStart`."""
    if not VAR.is_absolute():
        raise CannotStart(f"UNMIGRATABLE_VAR: expected an absolute path, found {str(VAR)!r}.")
    try:
        VAR.mkdir(parents=True, exist_ok=True)
        lock = open(VAR / "lock", "w")  # noqa: SIM115 - closed below
    except OSError as error:
        why = f"{error.filename} cannot be written ({error.strerror})"
        raise CannotStart(f"UNMIGRATABLE_VAR: {why}. Set it to a folder of yours.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(f"`make run` is up already in {VAR}") from None
        yield


def _run(port: int) -> int:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(number, _stop)
    children: list[Child] = []
    database = None
    code = 0
    try:
        database = prepare(port)
        first = bring_up_to_date()
        children += [Child(name, command) for name, command in commands(port).items()]
        _remember()
        _welcome(port, first)
        while all(child.tend() for child in children):
            if database and database.process and database.process.poll() is not None:
                say("start", f"the database ended with {database.process.returncode}")
                break
            time.sleep(0.2)
        code = 1
    except Stopped as stopped:
        say("start", f"{stopped}: stopping")
    except Exception as error:
        said = _sentence(error, database)
        if said is None:
            raise
        print(said, file=sys.stderr)
        code = starting.EXIT_CODE
    finally:
        # make passes a second signal on; it must not cut the stopping short.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        STATE.unlink(missing_ok=True)
        for child in children:
            child.process.send_signal(signal.SIGTERM)
        for child in children:
            child.stop()
        if database:
            database.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())
