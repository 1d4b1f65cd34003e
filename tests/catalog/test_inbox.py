"""The inbox: everything that waits for an editor, and nothing for anybody else."""

from __future__ import annotations

import pytest
from django.test import Client

from catalog.models import Document
from discussion.comments import threads
from discussion.moderating import moderation
from people.models import Role
from tests import builders
from tests.catalog.test_measured import tally

pytestmark = pytest.mark.django_db
MEASURED = [{"effect": "hotunplug", "manner": "sleeps_in_d", "standing": "measured"}]


def inbox(role: Role) -> dict[str, int]:
    client = Client()
    client.force_login(builders.person(role=role))
    page = client.get("/inbox/")
    assert page.status_code == 200
    return {queue.label: queue.number for queue in page.context["waiting"]}


def test_it_is_empty_where_nothing_waits_and_names_each_thing_that_does() -> None:
    measured = builders.case(effects=MEASURED)
    tally(measured)
    assert inbox(Role.EDITOR) == {}
    builders.case("claimed", effects=MEASURED)
    builders.case("new-one")
    Document.objects.filter(slug="new-one").update(state="proposed")
    said = threads.say(measured.document, builders.person(), "Buy this.")
    moderation.flag(said, builders.person(), "An advertisement.")
    builders.settled(builders.run("unheard-of"))
    assert inbox(Role.EDITOR) == {
        "Proposed cases": 1,
        "Contradiction: claimed": 1,
        "Unmatched observations": 1,
        "Flagged comments": 1,
    }


def test_machines_wait_for_maintainers_alone() -> None:
    builders.token("newcomer", trusted=False)
    assert "Machines to trust" not in inbox(Role.EDITOR)
    assert inbox(Role.MAINTAINER)["Machines to trust"] == 1


def test_nobody_else_sees_it() -> None:
    assert Client().get("/inbox/").status_code == 302
    client = Client()
    client.force_login(builders.person())
    assert client.get("/inbox/").status_code == 403
    assert "/inbox/" not in client.get("/").content.decode()
