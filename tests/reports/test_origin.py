"""Where a report came from is kept, shown with its evidence, and no way to another kind of address."""

from __future__ import annotations

import pytest
from django.test import Client

from diagnosis.formats import envelope
from diagnosis.formats.faults import Unreadable
from reports.models import Report
from reports.review import takedown
from tests import builders

pytestmark = pytest.mark.django_db
ORIGIN = {
    "job_url": "https://ci.example.org/job/4711?a=b&c=d#log",
    "log_url": "http://logs.example.org/4711.txt",
    "tree": "mm-unstable",
    "commit": "4a95bc121ccd",
    "config_sha256": "0" * 64,
    "patch_id": "1" * 40,
    "setting": "fs.fuse.default_request_timeout=15",
    "base": "base of a-strategy",
}


def test_it_is_shown_with_the_report_and_with_its_evidence() -> None:
    builders.case()
    report = builders.settled(minor=2, origin=ORIGIN)
    assert report.origin == ORIGIN
    page = Client().get(f"/reports/{report.pk}/").content.decode()
    link = '<a href="https://ci.example.org/job/4711?a=b&amp;c=d#log" rel="nofollow noopener ugc">'
    assert link in page
    assert all(value in page for name, value in ORIGIN.items() if not name.endswith("_url"))
    assert Client().get(f"/api/v1/reports/{report.pk}/").json()["origin"] == ORIGIN
    (row,) = Client().get("/api/v1/cases/fuse-writeback/evidence/").json()["results"]
    assert row["origin"] == ORIGIN


def test_a_report_of_before_says_nothing_and_stays_good() -> None:
    builders.case()
    report = builders.settled()
    assert report.origin == {} and "origin" not in Client().get(f"/api/v1/reports/{report.pk}/").json()
    assert "Came from" not in Client().get(f"/reports/{report.pk}/").content.decode()


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "ftp://a/b", "//a/b", "https://", "https://me:secret@host/", 'https://a/"onclick=x'),
        *("https://a/<script>", "https://a/b c", "https://a/" + "x" * 1_001, "https://a/\n", "data:text/html,x"),
    ],
)
def test_another_kind_of_address_is_refused_with_its_place(address: str) -> None:
    with pytest.raises(Unreadable) as refused:
        envelope.read(builders.body(origin={"job_url": address}))
    assert [fault.where for fault in refused.value.faults] == ["/origin/job_url"]


@pytest.mark.parametrize("origin", [{"commit": "HEAD"}, {"config_sha256": "x"}, {"other": "x"}, [], "x", None])
def test_what_is_no_origin_is_refused(origin: object) -> None:
    with pytest.raises(Unreadable):
        envelope.read(builders.body(origin=origin))


def test_what_is_private_in_it_is_hidden() -> None:
    builders.settled(origin={"job_url": "http://192.0.2.7/job/1", "tree": "of me@example.org"})
    assert "192.0.2.7" not in str(Report.objects.get().origin) and "me@example" not in str(Report.objects.get().origin)


def test_what_is_taken_down_came_from_nowhere() -> None:
    report = builders.settled(origin=ORIGIN)
    takedown.erase(report, builders.person(role="maintainer"), "it named a customer")
    assert Report.objects.get().origin == {}
