"""Finding things in a real browser: by the keyboard, without scripts, at both widths and in both themes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests import builders
from tests.browsing import IN_A_BROWSER, looked_over

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_pages_of_finding_fit_and_are_accessible(visit: Callable[..., Page], width: int, scheme: str) -> None:
    builders.case(body="It waits in `folio_wait_writeback()`.", subsystems=["FUSE", "mm/migrate"])
    builders.strategy(driver="Ann")
    builders.settled()
    page = visit(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for path in (
        *("/search/", "/search/?q=writebakc", "/search/?q=nothinglikethis", "/?q=writebakc&status=open"),
        *("/?kernel=6.18&manner=sleeps_in_d", "/subsystems/", "/subsystems/fuse/"),
    ):
        page.goto(path)
        looked_over(page, width)
