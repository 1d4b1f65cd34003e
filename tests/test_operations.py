"""Whoever keeps the site sees what is amiss: on a page, in metrics, in the log; alerts are of what is measured."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import re
import socket
from datetime import timedelta
from typing import Any

import pytest
import yaml
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from config.middleware import health
from config.pages.operations import SIGNALS
from config.startup import logs
from people.models import Event, Letter, Role
from reports import tasks
from reports.intake import bell
from reports.models import Report
from reports.totals import watch
from tests import builders
from tests.running import ROOT

pytestmark = pytest.mark.django_db
RING = bell.Bell.ring  # before conftest has bells counted instead of rung


def gauges() -> dict[str, float]:
    lines = Client().get("/metrics").content.decode().splitlines()
    return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines if line[0] != "#")}


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(builders.person(role=role))
    return client


@pytest.mark.parametrize("role", [Role.READER, Role.CONTRIBUTOR, Role.EDITOR])
def test_the_page_is_for_maintainers(role: str) -> None:
    assert Client().get("/operations/").status_code == signed_in(role).get("/operations/").status_code == 403
    assert signed_in(Role.MAINTAINER).get("/operations/").status_code == 200


def test_the_page_says_what_is_amiss_and_what_is_not_known_yet() -> None:
    builders.report(builders.run())
    Report.objects.update(received_at=timezone.now() - timedelta(hours=2))
    page = signed_in(Role.MAINTAINER).get("/operations/").content.decode()
    states = re.findall(r'data-name="state">(?:<strong>)?(\w+)', page)
    assert (states[0], states[1], states[4]) == ("amiss", "unknown", "fine")
    tasks.tidy()
    page = signed_in(Role.MAINTAINER).get("/operations/").content.decode()
    assert re.findall(r'data-name="state">(?:<strong>)?(\w+)', page)[1] == "fine"


def test_a_scrape_tells_what_waits_and_how_far_followers_are() -> None:
    before = gauges()
    assert before['unmigratable_sending{kind="letters"}'] == 0 and before["unmigratable_journal_lag_seconds"] == 0
    long_ago = timezone.now() - timedelta(hours=1)
    Letter.objects.create(kind="x", to="a@example.org", subject="s", body="b", next_try_at=long_ago)
    Letter.objects.create(
        kind="x", to="b@example.org", subject="s", body="b", next_try_at=timezone.now() + timedelta(1)
    )
    now = gauges()
    assert now['unmigratable_sending{kind="letters"}'] == 2
    assert 3_500 < now['unmigratable_sending_seconds{kind="letters"}'] < 3_700
    assert now["unmigratable_database_bytes"] > 1_000_000 and now["unmigratable_free_bytes"] > 0


def test_the_journal_lag_is_that_of_the_reader_furthest_behind() -> None:
    from mailing.models import Reader as MailReader
    from people import journal, journal_cursor
    from webhooks.models import Reader as HookReader

    journal.record("comment.made", "document", "x", builders.person())
    journal_cursor.give_places()
    last = Event.objects.order_by("-place").first()
    assert last is not None and last.place is not None
    MailReader.objects.update_or_create(pk=1, defaults={"place": last.place})
    assert gauges()["unmigratable_journal_lag_seconds"] == 0
    HookReader.objects.update_or_create(pk=1, defaults={"place": 1})
    assert gauges()["unmigratable_journal_lag_seconds"] > 0


def test_requests_are_timed_by_view_and_not_by_address() -> None:
    for path in ("/cases/strange/", "/no/such/4"):
        Client().get(path)
    names = [name for name in gauges() if name.startswith("unmigratable_request_seconds_count")]
    assert not any("strange" in name or "such" in name for name in names)
    assert any('status="4xx"' in name and 'view="none"' in name for name in names)


def test_metrics_are_answered_by_any_name(settings: Any) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["unmigratable.example"], True
    assert Client().get("/metrics", headers={"Host": "10.1.2.3:8000"}).status_code == 200


def test_being_ready_tells_that_the_broker_is_away_and_goes_on(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        settings.CELERY_BROKER_URL = f"amqp://guest:guest@127.0.0.1:{broker.getsockname()[1]}//"
        assert Client().get("/readyz").content == b"ready\n"
    answer = Client().get("/readyz")
    assert answer.status_code == 200 and answer.content.startswith(b"ready\nbut the broker does not answer")
    assert b"guest" not in answer.content


def test_being_ready_tells_that_nobody_sweeps() -> None:
    watch.note_sweep()
    assert Client().get("/readyz").content == b"ready\n"
    cache.set(watch.SWEPT, timezone.now().timestamp() - 2 * health.LEAST_SECONDS, None)
    answer = Client().get("/readyz")
    assert answer.status_code == 200 and b"but the last sweep was 12" in answer.content


class Written:
    """The log as production writes it, into memory."""

    def __init__(self) -> None:
        self.text = io.StringIO()
        made = logs.settings(as_json=True)
        made["handlers"]["console"]["stream"] = made["handlers"]["one line"]["stream"] = self.text
        logging.config.dictConfig(made)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.getvalue().splitlines()]


@pytest.fixture
def written() -> Any:
    before = logging.root.handlers[:], logging.root.level
    yield Written()
    logging.config.dictConfig(logs.settings(as_json=False))
    logging.root.handlers[:], logging.root.level = before


def test_a_request_is_one_line_with_its_id_and_without_its_address(written: Written, settings: Any) -> None:
    settings.DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
    answer = Client().get("/search/?q=something-private", headers={"X-Request-Id": "0123456789abcdef"})
    (line,) = [one for one in written.lines() if one["event"] == "request_finished"]
    assert answer["X-Request-Id"] == line["request_id"] == "0123456789abcdef"
    assert (line["request"], line["code"]) == ("GET /search/", 200) and line["ms"] > 0
    assert "private" not in written.text.getvalue()


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space in it", 'quote"quote"quote'])
def test_an_id_that_is_none_gets_a_new_one(given: str, settings: Any) -> None:
    settings.DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
    assert re.fullmatch(r"[0-9a-f]{32}", Client().get("/healthy/", headers={"X-Request-Id": given})["X-Request-Id"])


def test_where_no_proxy_is_trusted_nobody_chooses_an_id() -> None:
    assert Client().get("/", headers={"X-Request-Id": "0123456789abcdef"})["X-Request-Id"] != "0123456789abcdef"


def test_a_defect_is_one_line_with_its_traceback(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a defect\nof two lines")

    monkeypatch.setattr("catalog.pages.inbox.render", broken)
    client = signed_in(Role.MAINTAINER)
    client.raise_request_exception = False
    assert client.get("/inbox/").status_code == 500
    (line,) = [one for one in written.lines() if one["level"] == "error"]
    assert line["event"] == "request_failed" and "a defect" in line["exception"] and line["request_id"]


def test_another_name_is_one_line_without_a_traceback_in_json_too(written: Written, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["unmigratable.example"]
    Client().get("/", headers={"Host": "x" * 3_000})
    (line,) = [one for one in written.lines() if one["logger"] == "django.security.DisallowedHost"]
    assert "exception" not in line and "exc_info" not in line and len(line["event"]) <= logs.LONGEST


def test_the_message_to_a_worker_bears_the_ids_of_the_requests_that_rang(monkeypatch: pytest.MonkeyPatch) -> None:
    import structlog

    rung = []
    monkeypatch.setattr(bell, "ring", lambda task: rung.append(structlog.contextvars.get_contextvars()))
    one = bell.Bell()
    monkeypatch.setattr(one, "_keep_ringing", lambda: None)
    for number in range(one.NAMED + 2):
        with structlog.contextvars.bound_contextvars(request_id=f"id-{number}"):
            RING(one)
    one._send()
    one._send()
    assert rung[0]["request_id"].split() == [f"id-{number}" for number in range(2, one.NAMED + 2)]
    assert "request_id" not in rung[1], "each is named once"


ALERTS = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text())["groups"][0]["rules"]
BOARD = json.loads((ROOT / "deploy" / "grafana.json").read_text())


def test_each_signal_of_the_page_is_an_alert_with_the_same_bound() -> None:
    found = {rule["expr"] for rule in ALERTS}
    assert {f"max({one.gauge}) > {one.most:g}" for one in SIGNALS} <= found


def test_alerts_and_board_speak_of_what_a_scrape_tells() -> None:
    builders.case()
    builders.settled(builders.run())
    tasks.tidy()
    tasks.check_counts()
    Client().get("/")
    told = {re.match(r"[a-z_]+", name)[0] for name in gauges()}  # type: ignore[index]
    written = [rule["expr"] for rule in ALERTS]
    written += [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
    named = set(re.findall(r"unmigratable_[a-z_]+", " ".join(written)))
    assert len(named) >= 10 and named <= told
