"""The whole way with real processes: web, worker, beat and database as a user has them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from local.postgres import Postgres
from reports.models import Report, State
from reports.recorded import files
from tests import builders
from tests.running import PATIENCE_SECONDS, ROOT, Site, free_port, process_table, until

pytestmark = pytest.mark.processes


@pytest.fixture
def start(tmp_path: Path) -> Iterator[type[Site]]:
    """Starts sites; whatever a test leaves is ended."""
    made: list[Site] = []

    def site(**environment: str) -> Site:
        made.append(Site(tmp_path / "var", **environment))
        return made[-1]

    yield site  # type: ignore[misc]
    for one in made:
        one.stop(signal.SIGTERM)
        for pid in one.left(5):
            os.kill(pid, signal.SIGKILL)
    Postgres(tmp_path / "var" / "postgres").erase()


def test_a_recorded_report_goes_all_the_way_to_the_page_and_nothing_is_left_behind(start: type[Site]) -> None:
    site = start()
    token = site.token()
    report = json.loads(files.read(next(files.FOLDER.glob("*/fuse-writeback*"))).body)
    report["kernel"]["release"] = "6.99.1-of-this-test"
    code, receipt = site.send(token, report)
    assert (code, receipt["state"]) == (202, "received")
    path = f"/api/v1/reports/{receipt['id']}/"
    until(lambda: site.json(path)["state"] == "settled", PATIENCE_SECONDS, "it was not settled")
    evidence = site.json(path)["evidence"]
    assert {(row["case"], row["machine"]) for row in evidence} == {("fuse-writeback", "box")}
    assert len(evidence) == len(report["runs"])
    assert b"6.99.1-of-this-test" in site.get("/cases/fuse-writeback/")[1]
    assert site.manage("check_tallies").returncode == 0
    assert site.stop() == set()


def test_a_second_start_loses_nothing_and_killing_the_supervisor_leaves_nothing(start: type[Site]) -> None:
    first = start()
    token = first.token()
    receipt = first.send(token, builders.envelope())[1]
    assert first.stop(signal.SIGKILL) == set()
    second = start()
    path = f"/api/v1/reports/{receipt['id']}/"
    until(lambda: second.json(path)["state"] == "settled", PATIENCE_SECONDS, "an acknowledged report was lost")
    assert second.send(token, builders.envelope())[0] == 202, "the token went with the first start"


def test_a_broker_that_is_down_costs_the_sender_nothing(start: type[Site]) -> None:
    broken = start(CELERY_BROKER_URL=f"amqp://guest:guest@127.0.0.1:{free_port()}//")
    token = broken.token()
    code, receipt = broken.send(token, builders.envelope())
    assert code == 202
    broken.stop()
    mended = start()
    path = f"/api/v1/reports/{receipt['id']}/"
    until(
        lambda: mended.json(path)["state"] == "settled",
        PATIENCE_SECONDS,
        "it was not taken up when the broker came back",
    )


POISON = """
import os, signal, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django; django.setup()
from diagnosis.formats import envelope
from reports.worker import claims, ingest
observations = envelope.observations
def poisoned(report):
    if any(run.sent.get("reason") == "this-kills-the-worker" for run in report.runs):
        os.kill(os.getpid(), signal.SIGKILL)
    return observations(report)
envelope.observations = poisoned
claims.release_expired()
ingest.drain()
"""


@pytest.mark.django_db(transaction=True)
def test_a_report_that_kills_its_worker_each_time_is_given_up_and_the_others_are_settled() -> None:
    builders.case()
    for _ in range(20):
        builders.report()
    poison = builders.report(builders.run(reason="this-kills-the-worker"))
    for _ in range(10):
        builders.report()
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    environment = {**os.environ, "DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}"}
    deaths = 0
    for _ in range(8):
        done = subprocess.run([sys.executable, "-c", POISON], cwd=ROOT, env=environment, check=False, timeout=180)
        deaths += done.returncode == -signal.SIGKILL
        # The lease, run out.
        Report.objects.filter(state=State.INGESTING).update(claimed_at=timezone.now() - timedelta(hours=1))
    poison.refresh_from_db()
    assert (poison.state, poison.attempts, poison.traceback, deaths) == (State.FAILED, 3, "worker died", 3)
    assert Report.objects.filter(state=State.SETTLED).count() == 30


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "local.run"],
            cwd=ROOT,
            env={**os.environ, "PORT": str(port), "UNMIGRATABLE_VAR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
    assert done.returncode == 2 and f"port {port} cannot be had" in done.stderr
    assert not [line for _, line in process_table().values() if str(tmp_path) in line]


def test_a_second_make_run_in_the_same_folder_is_refused_and_harms_nothing(start: type[Site]) -> None:
    site = start()
    done = subprocess.run(
        [sys.executable, "-m", "local.run"],
        cwd=ROOT,
        env={**site.environment, "PORT": str(free_port())},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 2 and "up already" in done.stderr
    assert site.token().startswith("umg_"), "manage.py no longer finds the first"
