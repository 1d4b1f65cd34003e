"""In a real browser: a case is proposed, taken over, edited by two at once and taken back, while a stranger watches."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest
from django.conf import settings
from playwright.sync_api import Dialog, Page

from catalog.meetings import chair
from discussion.models import Comment
from people.models import Role
from tests import builders
from tests.browsing import IN_A_BROWSER, looked_over, sign_in

pytestmark = IN_A_BROWSER

CASE = "/cases/the-frobnicator/"
LOOKS = {
    "with scripts, wide": (True, 1280, "light"),
    "with scripts, narrow": (True, 360, "dark"),
    "without scripts": (False, 360, "light"),
}


def written(page: Page) -> str:
    return page.locator("textarea[name=text]").input_value()


def write(page: Page, text: str, button: str = "Save") -> None:
    page.locator("textarea[name=text]").fill(text)
    page.get_by_role("button", name=button, exact=True).click()


@pytest.mark.parametrize("look", LOOKS)
def test_a_case_is_proposed_taken_over_edited_by_two_and_taken_back(visit: Callable[..., Page], look: str) -> None:
    scripts, width, scheme = LOOKS[look]
    options = {"java_script_enabled": scripts, "viewport": {"width": width, "height": 800}, "color_scheme": scheme}

    def look_at(page: Page) -> None:
        if scripts:  # axe is one
            looked_over(page, width)

    pat = visit(**options)
    sign_in(pat, builders.person("pat"))
    pat.goto("/")
    pat.get_by_role("link", name="Propose a case", exact=True).click()
    pat.get_by_role("heading", name="Propose a case").wait_for()
    look_at(pat)
    pat.get_by_label("What holds it").fill("A frobnicator keeps a reference. It gives it back when the device answers.")
    pat.get_by_label("Mechanism").select_option("extra_reference")
    pat.get_by_label("device: ").check()
    pat.get_by_label("Link", exact=True).fill("<20250101.abc@example.org>")
    pat.get_by_text("More, if you know it").click()
    pat.get_by_label("Title").fill("The frobnicator")
    pat.get_by_role("button", name="Propose the case").click()
    pat.get_by_text("Nobody has reviewed this yet.").wait_for()

    stranger = visit("/cases/proposed/", **options)
    look_at(stranger)
    stranger.get_by_role("link", name="The frobnicator").click()
    stranger.get_by_text("Nobody has reviewed this yet.").wait_for()
    assert stranger.get_by_role("button", name="Accept the proposal").count() == 0
    stranger.goto("/")
    assert stranger.get_by_text("The frobnicator").count() == 0

    ed, eve = visit(**options), visit(**options)
    sign_in(ed, builders.person("ed", Role.EDITOR))
    sign_in(eve, builders.person("eve", Role.EDITOR))
    ed.goto(CASE)
    look_at(ed)
    ed.get_by_role("button", name="Accept the proposal").click()
    ed.get_by_text("You took the proposed case over.").wait_for()
    stranger.goto("/")
    assert stranger.get_by_role("link", name="The frobnicator").count() == 1

    ed.get_by_role("link", name="Edit the text").click()
    ed.get_by_role("heading", name="Edit the-frobnicator").wait_for()
    look_at(ed)
    first = written(ed)
    write(ed, first.replace("extra_reference", "magic"))
    ed.get_by_text("1 thing to fix").wait_for()
    look_at(ed)
    ed.get_by_role("link", name=re.compile(r"^line \d+$")).click()
    write(ed, first.replace("keeps a reference", "keeps *two* references"), "Preview")
    ed.get_by_text("Nothing is saved yet.").wait_for()
    assert ed.locator("em", has_text="two").count() == 1
    ed.get_by_role("button", name="Back to the text").click()
    write(ed, written(ed), "Preview")
    ed.get_by_role("button", name="Save the text").click()
    ed.get_by_text("Saved as revision 2.").wait_for()

    for page in (ed, eve):
        page.goto(f"{CASE}edit/")
    second = written(ed)
    write(eve, second.replace("two", "three"))
    eve.get_by_text("Saved as revision 3.").wait_for()
    write(ed, second.replace("two", "four"))
    ed.get_by_text("eve saved revision 3 while you were writing.").wait_for()
    assert ed.locator(".diff-lines").count() == 2
    look_at(ed)
    both = written(ed)
    assert "three" in both and "four" in both and ">>>>>>> revision 3 by eve" in both
    write(ed, both)
    ed.get_by_text("a conflict that is not settled yet").first.wait_for()
    write(ed, second.replace("two", "three or four"))
    ed.get_by_text("Saved as revision 4.").wait_for()

    ed.goto(f"{CASE}history/")
    look_at(ed)
    ed.get_by_label("From revision 1").check()
    ed.get_by_role("button", name="Compare the two revisions").click()
    ed.get_by_role("heading", name="From revision 1 to 4").wait_for()
    look_at(ed)
    ed.get_by_role("link", name="Go back to revision 1").click()
    ed.get_by_role("button", name="Save", exact=True).click()
    ed.get_by_text("Saved as revision 5.").wait_for()

    stranger.goto(CASE)
    stranger.get_by_text("A frobnicator keeps a reference.").first.wait_for()
    stranger.get_by_role("link", name="History", exact=True).click()
    stranger.get_by_text("took the proposed case over").wait_for()
    for n in range(1, 6):
        assert stranger.get_by_role("link", name=f"revision {n}", exact=True).count() == 1
    stranger.get_by_role("link", name="revision 3", exact=True).click()
    stranger.locator("em", has_text="three").wait_for()


def test_notes_on_another_case_are_not_lost_unasked(visit: Callable[..., Page]) -> None:
    for slug in ("one", "two"):
        builders.case(slug)
    ed = builders.person("ed", Role.EDITOR)
    held = chair.begin("In the room", date(2026, 5, 5), ed)
    page = visit()
    sign_in(page, ed)
    page.goto(held.get_absolute_url())
    first, second = (page.get_by_label("Decided").nth(n) for n in (0, 1))
    first.fill("This.")
    page.locator("table.agenda summary").nth(1).click()  # only the case that is talked of stands open
    second.fill("That.")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    save = page.get_by_role("button", name="Save").first
    save.click()
    assert asked == ["beforeunload"] and second.input_value() == "That."
    second.fill("")
    save.click()
    page.wait_for_url("**#p*")
    assert page.get_by_label("Decided").first.input_value() == "This."


def test_a_comment_survives_a_session_that_ended(visit: Callable[..., Page]) -> None:
    case, ann = builders.case(), builders.person("ann")
    page = visit()
    sign_in(page, ann)
    page.goto(case.get_absolute_url())
    page.get_by_label("Add a comment").fill("A server that is silent\n\nmay be *busy*.")
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.get_by_role("button", name="Comment", exact=True).click()
    page.get_by_role("heading", name="You are signed out.").wait_for()
    looked_over(page, 1280)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in in another tab").click()
    sign_in(opened.value, ann)
    page.get_by_role("button", name="Send it again").click()
    page.get_by_role("heading", name="This form is stale.").wait_for()
    page.get_by_role("button", name="Send it again").click()
    page.get_by_text("A server that is silent").wait_for()
    assert Comment.objects.get().author == ann
