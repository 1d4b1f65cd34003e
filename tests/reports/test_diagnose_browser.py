"""Diagnose in a real browser: paste, verdict, reasons at the right lines, share, evidence on the case."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from people.models import Role
from reports.diagnose.views import samples
from reports.worker import ingest
from tests import builders
from tests.browsing import IN_A_BROWSER, sign_in

pytestmark = IN_A_BROWSER

TEXT = samples()["fuse-writeback-offline-7.3"] + "by alice@example.org\n"
PROOF = {"proves": [{"marks": ["frame:folio_wait_writeback"], "why": "Its mover waits for writeback."}]}


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_paste_verdict_reasons_share_evidence(visit: Callable[..., Page], scripts: bool) -> None:
    builders.case("fuse-writeback", mechanism="writeback", signature=PROOF)
    ann, editor = builders.person("ann"), builders.person("ed", Role.EDITOR)

    first = visit(java_script_enabled=scripts)
    sign_in(first, ann)
    first.get_by_role("link", name="Diagnose").click()
    first.get_by_label("Kernel log, page dump, stack or trace").fill(TEXT)
    first.get_by_role("button", name="Diagnose").click()
    verdict = first.locator(".verdict").first
    assert "writeback" in verdict.locator("h2").inner_text() and "proved" in verdict.inner_text()
    assert not first.get_by_label("Kernel log, page dump, stack or trace").is_visible()
    first.get_by_text("Change the text").click()
    assert "alice" in first.get_by_label("Kernel log, page dump, stack or trace").input_value()
    verdict.locator(".why-list a").first.click()
    assert "folio_wait_writeback" in first.locator(".log :target").inner_text()
    assert "hit" in (first.locator(".log :target").get_attribute("class") or "")

    first.get_by_role("button", name="Share as evidence").click()
    first.get_by_role("button", name="Share the log").wait_for()
    assert "mail@hidden" in first.locator("table").inner_text()
    first.get_by_label("Note").fill("offlining memory33")
    first.get_by_role("button", name="Share the log").click()
    first.get_by_text("waits for an editor").wait_for()

    second = visit(java_script_enabled=scripts)
    sign_in(second, editor)
    second.goto("/reports/shared/")
    second.get_by_role("link", name="7.3.4+deb13-amd64").click()
    second.get_by_role("button", name="Accept it").wait_for()
    assert "alice" not in second.locator("main").inner_text()
    second.get_by_role("button", name="Accept it").click()
    second.get_by_role("button", name="Accept it").wait_for(state="detached")
    ingest.drain()

    stranger = visit(java_script_enabled=scripts)
    stranger.goto("/cases/fuse-writeback/")
    stranger.get_by_text("Latest reports").click()
    stranger.get_by_text("shared-by-people").first.wait_for()
    assert "7.3.4+deb13-amd64" in stranger.locator("main").inner_text()


def test_a_file_that_is_dropped_on_the_text_is_read(visit: Callable[..., Page]) -> None:
    builders.case("fuse-writeback", mechanism="writeback", signature=PROOF)
    page = visit()
    page.goto("/diagnose/")
    carried = page.evaluate_handle(
        "text => { const it = new DataTransfer(); it.items.add(new File([text], 'dmesg')); return it; }", TEXT
    )
    for kind in ("dragover", "drop"):
        page.dispatch_event("#text", kind, {"dataTransfer": carried})
    page.get_by_role("button", name="Diagnose").click()
    assert "writeback" in page.locator(".verdict h2").first.inner_text()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_verdict_and_what_to_do_are_seen_first_and_commands_can_be_copied(
    visit: Callable[..., Page], width: int
) -> None:
    program = "sudo python3 - <<'END'\nif True:\n    pass\nEND"
    tell = {"tell": [{"run": program, "tells": "Which."}]}
    builders.case("fuse-writeback", mechanism="writeback", signature={**PROOF, **tell})
    page = visit(viewport={"width": width, "height": 800})
    page.goto("/diagnose/?sample=fuse-writeback-offline-7.3")
    for part in (".verdict h2", ".verdict .do-now"):
        box = page.locator(part).first.bounding_box()
        assert box is not None and box["y"] + box["height"] < 800, part
    assert not page.locator(".tell code").first.is_visible(), "a script is folded"
    page.locator(".tell summary").first.click()
    assert page.locator(".tell code").first.inner_text() == program
