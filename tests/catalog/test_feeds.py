"""Atom feeds: what was written, and what was measured for the first time."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from django.test import Client
from django.utils.feedgenerator import Atom1Feed

from catalog.models import Document
from people import journal_cursor
from tests import builders

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"
FEEDS = ["/feed.atom", "/cases/fuse-writeback/feed.atom", "/subsystems/fuse/feed.atom"]


@pytest.fixture(autouse=True)
def catalog() -> None:
    builders.case()
    builders.case("another", subsystems=["mm"])
    builders.strategy()


def entries(path: str) -> dict[str, dict[str, str]]:
    """By id: title, updated, link and summary."""
    answer = Client().get(path)
    assert answer.status_code == 200 and answer["Content-Type"] == "application/atom+xml; charset=utf-8"
    feed = ET.fromstring(answer.content)
    assert feed.tag == f"{ATOM}feed" and feed.findtext(f"{ATOM}id") and feed.findtext(f"{ATOM}updated")
    made = {}
    for entry in feed.iter(f"{ATOM}entry"):
        said = {name: entry.findtext(f"{ATOM}{name}") or "" for name in ("title", "updated", "summary")}
        made[entry.findtext(f"{ATOM}id") or ""] = {**said, "link": entry.find(f"{ATOM}link").attrib["href"]}  # type: ignore[union-attr]
    return made


def titles(path: str) -> set[str]:
    return {entry["title"] for entry in entries(path).values()}


def test_a_feed_tells_what_was_written_within_its_reach() -> None:
    new = {"The case fuse-writeback: a new case"}
    strategy = {"The strategy a-strategy: a new strategy"}
    assert titles("/feed.atom") == new | strategy | {"The case another: a new case"}
    assert titles("/cases/fuse-writeback/feed.atom") == new | strategy
    assert titles("/subsystems/fuse/feed.atom") == new
    builders.case(status="fixed")
    assert "The case fuse-writeback: revision 2" in titles("/subsystems/fuse/feed.atom")


@pytest.mark.parametrize("path", FEEDS)
def test_a_report_that_only_confirms_is_no_news(path: str) -> None:
    builders.settled()
    before = entries(path)
    measured = [title for title in titles(path) if "measured on 6.18.44" in title]
    assert measured == ["The case fuse-writeback: measured on 6.18.44"]
    builders.settled(sender=builders.machine("another-box"))
    builders.settled()
    assert entries(path) == before


def test_another_outcome_or_mover_brings_the_same_entry_up_again() -> None:
    builders.settled()
    before = entries("/feed.atom")
    builders.settled(builders.moving_run())
    after = entries("/feed.atom")
    assert before.keys() == after.keys()
    (changed,) = [key for key in before if before[key] != after[key]]
    assert after[changed]["updated"] >= before[changed]["updated"]
    assert before[changed]["summary"] == "compaction in MIGRATE_MOVABLE (x86_64, host): hangs"
    assert after[changed]["summary"].endswith("hangs; compaction in MIGRATE_MOVABLE (x86_64, host): moves")


@pytest.mark.parametrize("path", FEEDS)
def test_an_unchanged_feed_is_not_sent_again(path: str) -> None:
    builders.settled()
    etag = Client().get(path)["ETag"]
    assert Client().get(path, headers={"If-None-Match": etag}).status_code == 304
    builders.case(status="fixed")
    assert Client().get(path, headers={"If-None-Match": etag}).status_code == 200


def test_drafts_stay_out() -> None:
    builders.settled()
    Document.objects.filter(slug="fuse-writeback").update(state="draft")
    assert "fuse-writeback" not in Client().get("/feed.atom").content.decode()
    for path in FEEDS[1:]:
        assert Client().get(path).status_code == 404


def test_what_xml_cannot_hold_is_left_out() -> None:
    builders.case(title="A \u0001 title & <tag>")
    assert "A  title & <tag>: revision 2" in titles("/feed.atom")


@pytest.mark.parametrize("path", FEEDS)
def test_the_number_of_queries_is_always_the_same(path: str, django_assert_max_num_queries: object) -> None:
    for number in range(10):
        builders.case(f"case-{number}", subsystems=["FUSE"])
        builders.settled(builders.run(f"case-{number}"))
    with django_assert_max_num_queries(4):  # type: ignore[operator]  # case or subsystem, revisions, tallies
        Client().get(path)


@pytest.mark.parametrize(("page", "feed"), [("/", 0), ("/cases/fuse-writeback/", 1), ("/subsystems/fuse/", 2)])
def test_pages_name_their_feeds(page: str, feed: int) -> None:
    named = re.findall(
        rf'<link rel="alternate" type="{re.escape(Atom1Feed.content_type.split(";")[0])}"[^>]*href="([^"]+)"',
        Client().get(page).content.decode(),
    )
    assert FEEDS[feed] in named and FEEDS[0] in named


def test_an_empty_feed_is_a_feed() -> None:
    Document.objects.update(state="draft")
    assert entries("/feed.atom") == {}


@pytest.mark.django_db(transaction=True)
def test_that_an_outcome_changed_is_an_entry_of_its_own() -> None:
    builders.settled(*[builders.run()] * 5)
    builders.settled(*[builders.moving_run()] * 5, kernel={"release": "6.18.45", "architecture": "x86_64"})
    journal_cursor.give_places()
    for path in FEEDS:
        (entry,) = [one for one in entries(path).values() if "fixed" in one["title"]]
        assert entry["title"] == "The case fuse-writeback: fixed on 6.18.45"
        assert "(x86_64, host): 5 hangs on 6.18.44, then 5 moves on 6.18.45" in entry["summary"]
    Document.objects.filter(slug="fuse-writeback").update(state="draft")
    assert not [title for title in titles("/feed.atom") if "fixed" in title]
