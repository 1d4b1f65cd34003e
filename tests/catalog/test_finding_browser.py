"""Finding things in a real browser: by the keyboard."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from tests import builders
from tests.browsing import IN_A_BROWSER

pytestmark = IN_A_BROWSER


def test_a_slash_leads_to_the_field_and_writes_where_text_is_written(visit: Callable[..., Page]) -> None:
    builders.case(body="It waits in `folio_wait_writeback()`.")
    page = visit(viewport={"width": 1280, "height": 800})
    page.goto("/cases/fuse-writeback/")
    page.keyboard.press("/")
    field = page.locator("header input[type=search]")
    assert field.evaluate("element => element === document.activeElement") and field.input_value() == ""
    page.keyboard.type("folio/wait")
    assert field.input_value() == "folio/wait"
    field.fill("folio_wait")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=folio_wait")
    assert page.locator("mark").first.inner_text() == "folio_wait_writeback"
