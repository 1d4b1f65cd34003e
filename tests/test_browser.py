"""In a real browser: two people and a stranger, at both widths, with and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests import builders
from tests.browsing import IN_A_BROWSER, looked_over, sign_in

pytestmark = IN_A_BROWSER


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_two_people_propose_and_discuss_and_a_stranger_reads_it(visit: Callable[..., Page], scripts: bool) -> None:
    builders.case("fuse-writeback")
    builders.case("readahead-locked")
    ann, ben = builders.person("ann"), builders.person("ben")

    first = visit(java_script_enabled=scripts)
    sign_in(first, ann)
    first.goto("/cases/fuse-writeback/")
    first.get_by_role("link", name="Propose a strategy").click()
    first.get_by_label("Title").fill("Abort after a minute")
    first.get_by_label("Summary").fill("The kernel ends the connection of a server that is silent for a minute.")
    first.get_by_label("Why").nth(0).fill("The wait has an end.")
    first.get_by_label("Case 2").select_option("readahead-locked")
    first.get_by_label("Why").nth(1).fill("So has this one.")
    first.get_by_role("button", name="Propose the strategy").click()
    first.get_by_role("heading", name="Abort after a minute").wait_for()
    first.get_by_label("Add a comment").fill("Who restarts the *server*? <script>alert(1)</script>")
    first.get_by_role("button", name="Comment", exact=True).click()
    first.get_by_text("Who restarts the").wait_for()

    second = visit(java_script_enabled=scripts)
    sign_in(second, ben)
    second.goto("/cases/readahead-locked/")
    second.locator("summary", has_text="Reply").click()
    second.get_by_label("Reply to ann").fill("Its own supervisor:\n\n    systemctl restart it")
    second.get_by_role("button", name="Reply").click()
    second.get_by_text("systemctl restart it").wait_for()

    second.goto("/strategies/abort-after-a-minute/")
    second.locator("#discussion").get_by_role("link", name="Quote").first.click()
    assert second.get_by_label("Comment").input_value().startswith("ann wrote:\n\n> Who restarts the *server*?")
    second.get_by_role("link", name="Back").click()
    second.locator("#discussion").get_by_role("link", name="As an objection").first.click()
    second.get_by_label("What it says").fill("A *silent* server may be a busy one.")
    second.get_by_role("button", name="Record an objection").click()
    second.get_by_text("unanswered").wait_for()

    first.goto("/strategies/abort-after-a-minute/")
    first.get_by_role("link", name="Record the answer").click()
    first.get_by_label("What it says").fill("A minute is longer than any honest one takes.")
    first.get_by_role("button", name="Record the answer").click()
    first.get_by_text("A minute is longer than").wait_for()
    first.get_by_role("link", name="Move its state").click()
    first.get_by_label("State").select_option("posted")
    first.get_by_label("Version").fill("2")
    first.get_by_role("button", name="Change the state").click()
    first.get_by_text("posted v2").first.wait_for()

    stranger = visit(java_script_enabled=scripts)
    stranger.goto("/agenda/")
    for case in ("The case fuse-writeback", "The case readahead-locked"):
        item = stranger.locator(".agenda tbody tr", has_text=case)
        assert "posted v2" in item.inner_text()
    stranger.get_by_text("Ways out, and objections").click()
    said = stranger.locator("#ways").inner_text()
    assert "A silent server may be a busy one." in said and "A minute is longer than any honest one takes." in said
    for path in ("/cases/fuse-writeback/", "/cases/readahead-locked/"):
        stranger.goto(path)
        assert "posted v2" in stranger.locator("#strategies").inner_text()
    for path in ("/cases/fuse-writeback/", "/cases/readahead-locked/", "/strategies/abort-after-a-minute/"):
        stranger.goto(path)
        assert stranger.locator("em", has_text="server").count() == 1
        assert "<script>alert(1)</script>" in stranger.locator(".comment").first.inner_text()
        reply = stranger.locator(".comment .comment")
        assert "ben" in reply.inner_text() and reply.locator("pre").count() == 1
        assert stranger.get_by_role("button", name="Comment").count() == 0


def test_paper_shows_tables_and_full_marks_however_narrow_it_is(visit: Callable[..., Page]) -> None:
    builders.case(effects=[{"effect": "hotunplug", "manner": "sleeps_in_d", "standing": "measured"}])
    builders.strategy()
    builders.settled(builders.run())
    page = visit(viewport={"width": 700, "height": 1000})
    page.emulate_media(media="print")
    for path, row in (("/", ".cases"), ("/cases/fuse-writeback/", ".evidence"), ("/strategies/", ".matrix")):
        page.goto(path)
        assert page.locator(f"{row} tbody tr").last.evaluate("e => getComputedStyle(e).display") == "table-row"
    page.goto("/")
    assert page.locator(".fx.measured").first.evaluate("e => getComputedStyle(e).printColorAdjust") == "exact"


def test_every_way_is_in_sight_on_a_phone(visit: Callable[..., Page]) -> None:
    page = visit("/reports/", viewport={"width": 360, "height": 800})
    for name in ("Cases", "Kernels", "Strategies", "Diagnose", "Agenda", "Evidence", "API"):
        # Not by its role: the way to the page itself leads nowhere.
        box = page.get_by_role("navigation", name="Main").get_by_text(name, exact=True).bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 360, name


def test_what_is_tried_on_the_api_page_is_answered_there(visit: Callable[..., Page]) -> None:
    builders.case("fuse-writeback")
    page = visit("/api/")
    answer = page.locator("#answer")
    page.locator("#try").get_by_role("link", name="/cases/fuse-writeback/", exact=True).click()
    answer.get_by_text("GET /api/v1/cases/fuse-writeback/: 200").wait_for()
    assert '"case": "fuse-writeback"' in answer.locator("pre").inner_text()
    page.get_by_role("button", name="GET /affected/").click()
    answer.get_by_text("GET /api/v1/affected/?kernel=6.12.57%2Bdeb13-amd64: 200").wait_for()
    page.get_by_role("button", name="POST /diagnose/").click()
    answer.get_by_text("POST /api/v1/diagnose/: 200").wait_for()
    assert '"matches"' in answer.locator("pre").inner_text()
    looked_over(page, 1280)


def test_what_is_tried_on_the_api_page_without_scripts_leads_to_the_answer(visit: Callable[..., Page]) -> None:
    builders.case("fuse-writeback")
    page = visit("/api/", java_script_enabled=False)
    page.get_by_role("button", name="POST /diagnose/").click()
    page.locator("section.verdict").wait_for()
    page.goto("/api/")
    page.get_by_role("button", name="GET /affected/").click()
    page.get_by_text('"results"').first.wait_for()
