"""Of two beats one sends; where that one dies, the other goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from celery import Celery
from celery.schedules import schedule

from config.queueing.one_beat import Scheduler, Turn
from local.postgres import FAST, Postgres
from tests.running import ROOT, until

BEAT = """
import sys, django; django.setup()
from config.queueing.one_beat import Scheduler
from config.celery import app
sent = []
app.conf.beat_schedule = {"x": {"task": "ingest.sweep", "schedule": 0.2}}
app.send_task = lambda name, *a, **k: (sent.append(name), print("sent", flush=True))
s = Scheduler(app=app, schedule_filename=sys.argv[1])
s.send_task = app.send_task
import time
while True:
    time.sleep(max(0.01, min(s.tick(), 0.2)))
"""


@pytest.mark.django_db(transaction=True)
def test_one_has_the_turn_until_it_gives_it_back() -> None:
    one, two = Turn(), Turn()
    try:
        assert (one.is_ours(), two.is_ours(), one.is_ours()) == (True, False, True)
        one.give_back()
        until(two.is_ours, 20, "the lock of a connection that was closed is not free")
        assert not one.is_ours()
    finally:
        one.give_back()
        two.give_back()


@pytest.mark.django_db(transaction=True)
def test_whose_connection_was_ended_has_lost_the_turn() -> None:
    one, two = Turn(), Turn()
    try:
        assert one.is_ours() and one._line is not None
        pid = one._line.info.backend_pid
        assert not two.is_ours()
        os.kill(pid, signal.SIGTERM)
        until(two.is_ours, 20, "the lock of a dead connection is not free")
        assert not one.is_ours(), "it must not go on as if it held it"
        assert not one.is_ours()
    finally:
        one.give_back()
        two.give_back()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    made = Postgres(tmp_path / "postgres", FAST)
    try:
        made.start()
        yield made
    finally:
        made.erase()


@pytest.mark.processes
def test_a_beat_that_is_killed_is_followed_by_the_other(server: Postgres, tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": server.url, "DJANGO_SETTINGS_MODULE": "config.settings"}
    logs = [tmp_path / "one", tmp_path / "two"]
    beats: list[subprocess.Popen[bytes]] = []
    try:
        for log in logs:
            with log.open("wb") as out:
                command = [sys.executable, "-c", BEAT, str(log) + ".schedule"]
                beats.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out))
        until(lambda: any(b"sent" in log.read_bytes() for log in logs), 60, lambda: logs[0].read_text())
        time.sleep(3)
        (sender,) = [number for number, log in enumerate(logs) if b"sent" in log.read_bytes()]
        assert all(one.poll() is None for one in beats)
        beats[sender].kill()
        until(lambda: b"sent" in logs[1 - sender].read_bytes(), 30, lambda: logs[1 - sender].read_text())
    finally:
        for one in beats:
            one.kill()
            one.wait()


class Clock:
    """As the clock of a host that somebody sets."""

    ahead = timedelta()

    @classmethod
    def now(cls) -> datetime:
        return datetime.now(UTC) + cls.ahead


@pytest.mark.django_db(transaction=True)
def test_a_beat_whose_clock_was_ahead_goes_on_when_it_is_right_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it sent by the clock that was wrong would be due again when the right one has caught up."""
    app = Celery("beat", broker="memory://", set_as_current=False)
    every = schedule(60, nowfun=Clock.now, app=app)
    app.conf.beat_schedule = {name: {"task": name, "schedule": every} for name in ("one", "two")}
    sent: list[str] = []
    monkeypatch.setattr(Scheduler, "send_task", lambda self, name, *_, **__: sent.append(name))
    beat = Scheduler(app=app, schedule_filename=str(tmp_path / "schedule"))

    def sends(ahead: timedelta) -> list[str]:
        monkeypatch.setattr(Clock, "ahead", ahead)
        sent.clear()
        for _ in range(6):
            beat.tick()
        return sorted(sent)

    try:
        assert sends(timedelta(hours=1)) == ["one", "two"]
        assert sends(timedelta(hours=1, seconds=30)) == []
        assert sends(timedelta()) == [], "right again: both were sent just now"
        assert sends(timedelta(seconds=61)) == ["one", "two"]
        assert sends(timedelta(seconds=90)) == []
    finally:
        beat.close()
