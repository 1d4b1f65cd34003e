"""The ledger, a report's page, and the probe to download."""

from __future__ import annotations

import hashlib

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from people.models import Role
from reports.intake import inbox
from reports.models import Evidence, Judgment, Report
from reports.pages.case_sections import LOOKED_THROUGH
from tests import builders
from tests.pages import on_one_line

pytestmark = pytest.mark.django_db


def signed_in(role: str = Role.CONTRIBUTOR) -> Client:
    client = Client()
    client.force_login(builders.person(role=role))
    return client


def test_the_ledger_adds_up() -> None:
    builders.case()
    builders.settled()
    builders.report()
    page = Client().get("/reports/")
    ledger = page.context["ledger"]
    assert ledger.received == 2 == sum(number for _, _, number in ledger.states)
    assert {slug: number for slug, _, number in ledger.states}["received"] == 1


def test_the_ledger_narrows_by_state() -> None:
    settled, waiting = builders.settled(), builders.report()
    page = Client().get("/reports/?state=settled").content.decode()
    assert str(settled.pk) in page and str(waiting.pk) not in page


def test_a_report_shows_its_numbers_and_its_case() -> None:
    builders.case()
    report = builders.settled(builders.run(blocked={"state": "D", "stack": ["folio_wait_writeback+0x2a/0x90"]}))
    page = on_one_line(Client().get(f"/reports/{report.pk}/"))
    for told in (
        "15 of 16 pages moved",
        "0 of 16 pages moved while held",
        "folio_wait_writeback+0x2a",
        "/cases/fuse-writeback/",
    ):
        assert told in page


@pytest.mark.parametrize("field", ["reason", "facts", "log", "stack", "label", "version", "architecture"])
def test_nothing_from_a_report_is_markup(field: str) -> None:
    bad = "<script>alert(1)</script>"
    kernel = {"release": "6.18.44", "architecture": "x86_64"}
    run = builders.run()
    if field in ("label", "version"):
        kernel[field] = bad
    elif field == "architecture":
        kernel["release"] = "<b>6.1</b>"
        bad = "<b>6.1</b>"
    else:
        changed = {"reason": bad, "facts": {"x": bad}, "log": [bad], "stack": None}[field]
        run[field] = changed
        if field == "stack":
            run.pop("stack")
            run["blocked"] = {"state": "D", "stack": [bad]}
    builders.case()
    report = builders.settled(run, kernel=kernel)
    for path in (f"/reports/{report.pk}/", "/cases/fuse-writeback/", "/"):
        assert bad.encode() not in Client().get(path).content
    assert bad.replace("<", "&lt;").replace(">", "&gt;").encode() in Client().get(f"/reports/{report.pk}/").content


def test_strangers_see_the_scrubbed_text_and_never_the_raw_one() -> None:
    report = builders.settled(builders.run(reason="see /home/alice/log from alice@example.org"))
    page = Client().get(f"/reports/{report.pk}/").content.decode()
    assert "alice" not in page and "/home/hidden" in page
    assert Client().get(f"/reports/{report.pk}/raw").status_code == 403
    assert signed_in().get(f"/reports/{report.pk}/raw").status_code == 403
    assert b"alice" in signed_in(Role.MAINTAINER).get(f"/reports/{report.pk}/raw").content


def test_the_sender_sees_the_raw_text() -> None:
    report = builders.report()
    client = Client()
    client.force_login(report.machine.owner)
    assert client.get(f"/reports/{report.pk}/raw").content == inbox.unpacked(report.payload)


def test_a_rejected_report_tells_why_on_its_page() -> None:
    secret = builders.token()
    Client().post("/api/v1/reports/", b"{}", "application/json", headers={"Authorization": f"Bearer {secret}"})
    page = Client().get(f"/reports/{Report.objects.get().pk}/").content.decode()
    assert "/format" in page and "to be present" in page


def test_editors_judge_and_others_may_not() -> None:
    builders.case()
    report = builders.settled()
    row = Evidence.objects.get()
    given = {"key": row.key, "case": row.case.slug, "word": "refuted", "note": "wrong box"}
    assert Client().post(f"/reports/{report.pk}/verdict", given).status_code == 302
    assert signed_in().post(f"/reports/{report.pk}/verdict", given).status_code == 403
    assert not Judgment.objects.exists()
    signed_in(Role.EDITOR).post(f"/reports/{report.pk}/verdict", given)
    assert Judgment.objects.get().stands is False
    assert "wrong box" in Client().get(f"/reports/{report.pk}/").content.decode()


def test_the_pages_ask_as_often_for_many_reports_as_for_few() -> None:
    """Ledger: its lines, a page of rows. Case: text, tallies, strategies, evidence, comments."""
    builders.case()

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert Client().get(path).status_code == 200
        return len(captured)

    builders.settled(builders.run(), builders.moving_run())
    few = [queries(path) for path in ("/reports/", "/cases/fuse-writeback/", "/")]
    for number in range(12):
        builders.settled(builders.run(), kernel={"release": f"6.{number}.1", "architecture": "x86_64"})
    assert [queries(path) for path in ("/reports/", "/cases/fuse-writeback/", "/")] == few


def test_the_probe_is_served_with_its_sum() -> None:
    answer = Client().get("/probe.pyz")
    digest = hashlib.sha256(answer.content).hexdigest()
    assert Client().get("/probe.pyz.sha256").content.decode() == f"{digest}  probe.pyz\n"
    assert Client().get("/probe.pyz", headers={"If-None-Match": answer["ETag"]}).status_code == 304


def test_the_case_page_shows_what_was_measured() -> None:
    builders.case()
    builders.settled(builders.run(), builders.run())
    page = " ".join(Client().get("/cases/fuse-writeback/").content.decode().split())
    for told in ("6.18.44", "x86_64", "compaction", "● hangs", "2 of 2", "≈ 0.2 s"):
        assert told in page


def test_the_latest_reports_of_a_case_take_a_line_each() -> None:
    builders.case()
    first = builders.settled(builders.run(), builders.run(), builders.moving_run(mover="move_pages"))
    second = builders.settled(builders.moving_run())
    text = Client().get("/cases/fuse-writeback/").content.decode().partition('id="latest"')[2].partition("</table>")[0]
    assert text.count(f"/reports/{first.pk}/") == text.count(f"/reports/{second.pk}/") == 1
    said = " ".join(text.split())
    assert "move_pages: moves" in said and said.count("compaction: hangs") == 1


def test_a_report_that_may_have_more_to_say_is_left_out_of_the_latest() -> None:
    """The latest evidence is looked through so far: the last report of it may be there in part."""
    builders.case()
    cut = builders.settled(*[builders.run() for _ in range(LOOKED_THROUGH)])
    alone = Client().get("/cases/fuse-writeback/").content.decode()
    assert str(cut.pk) in alone, "one report has as much to say as there is room for"
    builders.settled()
    assert str(cut.pk) not in Client().get("/cases/fuse-writeback/").content.decode()
