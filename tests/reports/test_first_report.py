"""A newcomer follows the page, command by command, to a report that is received."""

from __future__ import annotations

import pytest
from django.test import Client

from reports.models import Report
from reports.worker import ingest
from tests import builders
from tests.rest.test_examples import _send, calls

pytestmark = pytest.mark.django_db
HERE = "/first-report/?machine=my-box&run_id=my-first-report"


def test_the_commands_as_they_stand_there_lead_to_a_received_report() -> None:
    variables = {"$TOKEN": builders.token("my-box"), "$(uname -r)": "6.18.44", "$(uname -m)": "x86_64"}
    bodies = {"": b"", "@first.ktap": b"KTAP version 1\n1..1\nok 1 my-first-report\n"}
    assert "has sent no report" in Client().get(HERE).content.decode()
    who, tried, sent = (_send(one, bodies, variables) for one in calls(Client().get("/first-report/").content.decode()))
    assert who.json()["machine"] == "my-box"
    assert (tried.json()["would"], tried.json()["nr_observations"]) == (202, 1)
    assert sent.status_code == 202 and Report.objects.count() == 1
    page = Client().get(HERE).content.decode()
    assert "<b>Received.</b>" in page and "Look again" in page and f"/reports/{Report.objects.get().pk}/" in page
    ingest.drain()
    page = Client().get(HERE).content.decode()
    assert "Received, and read." in page and "It has 1 result." in page and "Look again" not in page


@pytest.mark.parametrize("query", ["run_id=x", "machine=A", "page=2", "run_id=a&run_id=b"])
def test_what_means_nothing_is_refused(query: str) -> None:
    assert Client().get(f"/first-report/?{query}").status_code == 400
