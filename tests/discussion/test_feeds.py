"""Feeds of what is said, and of a strategy."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from django.test import Client

from catalog.revisions import steering
from discussion.comments import threads
from discussion.moderating import moderation
from people.models import Role
from tests import builders

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"


def entries(path: str) -> list[tuple[str, str]]:
    answer = Client().get(path)
    assert answer.status_code == 200 and answer["Content-Type"].startswith("application/atom+xml")
    feed = ET.fromstring(answer.content)
    return [(e.findtext(f"{ATOM}title") or "", e.findtext(f"{ATOM}summary") or "") for e in feed.iter(f"{ATOM}entry")]


def test_what_is_said_of_a_case_and_its_strategies_is_in_its_feed_newest_first() -> None:
    ann, editor = builders.person("ann"), builders.person("ed", Role.EDITOR)
    case = builders.case().document
    threads.say(case, ann, "First & <b>bold</b>.")
    threads.say(builders.strategy().document, ann, "Of the strategy.")
    moderation.hide(threads.say(case, ann, "Rude."), editor, "Rude.")
    assert entries("/cases/fuse-writeback/discussion.atom") == [
        ("ann on a-strategy", "Of the strategy."),
        ("ann on fuse-writeback", "First & <b>bold</b>."),
    ]


def test_a_strategys_feed_tells_of_its_revisions_and_comments() -> None:
    ann = builders.person("ann")
    strategy = builders.strategy()
    threads.say(strategy.document, ann, "It costs.")
    steering.drive(strategy.document, ann)
    assert sorted(entries("/strategies/a-strategy/feed.atom")) == [
        ("The strategy a-strategy: a new strategy", "A summary."),
        ("The strategy a-strategy: revision 2", "Said who drives it."),
        ("ann on a-strategy", "It costs."),
    ]


@pytest.mark.parametrize("path", ["/cases/none/discussion.atom", "/strategies/none/feed.atom"])
def test_what_is_not_there_has_no_feed(path: str) -> None:
    assert Client().get(path).status_code == 404
