"""Editing on the site: the text, what is wrong with it, what it would look like, and who was faster."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from catalog.models import Document, Revision, Unsaved
from catalog.models.text import Origin, State
from catalog.revisions import store
from people.models import Event, Role, User
from tests import builders
from tests.pages import on_one_line

pytestmark = pytest.mark.django_db

TEXT = builders.case_text(body="First.\n\nSecond.\n\nThird.")
EDIT = "/cases/fuse-writeback/edit/"


@pytest.fixture(autouse=True)
def loaded() -> None:
    store.save(TEXT, origin=Origin.FILE)


def client(role: str = Role.EDITOR, person: User | None = None) -> Client:
    made = Client()
    if person or role:
        made.force_login(person or builders.person(role=role))
    return made


def post(act: str, text: str = TEXT, base: int = 1, by: Client | None = None, at: str = EDIT, **more: Any) -> HttpResponse:  # fmt: skip  # noqa: E501
    data = {"act": act, "text": text.replace("\n", "\r\n"), "base": base, **more}
    return (by or client()).post(at, data)  # type: ignore[return-value]


def written(answer: HttpResponse) -> str:
    """What stands in the form's text."""
    found = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", answer.content.decode(), re.S)
    assert found
    return html.unescape(found[1])


def shown(answer: HttpResponse) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", answer.content.decode())).split())


def test_the_form_has_the_current_text_byte_for_byte_with_its_revision_and_line_numbers() -> None:
    answer = client().get(EDIT)
    assert written(answer) == TEXT
    page = answer.content.decode()
    assert 'name="base" value="1"' in page
    assert page.count('id="L') == len(TEXT.split("\n"))


def test_a_text_of_nothing_but_lines_comes_back_without_a_number_for_each() -> None:
    answer = post("save", text="\n" * 100_000)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert page.count('id="L') == 0
    assert 'rows="5001"' in page


def test_saving_is_a_revision_with_its_author_base_and_note() -> None:
    editor = builders.person(role=Role.EDITOR)
    changed = TEXT.replace("Second.", "Another.")
    answer = post("save", changed, by=client(person=editor), note="A better word")
    assert answer["Location"] == "/cases/fuse-writeback/"
    made = Revision.objects.get(n=2)
    assert (made.text, made.author, made.base, made.note) == (changed, editor, 1, "A better word")
    assert "Another." in Client().get("/cases/fuse-writeback/").content.decode()


def test_a_strategy_is_edited_in_the_same_way() -> None:
    builders.strategy()
    text = builders.strategy_text(title="Another title")
    post("save", text, at="/strategies/a-strategy/edit/")
    assert Document.objects.get(kind="strategy").current.text == text  # type: ignore[union-attr]
    page = post("preview", builders.strategy_text(title="A third"), base=2, at="/strategies/a-strategy/edit/")
    assert "A third" in page.content.decode() and "A preview." in page.content.decode()


@pytest.mark.parametrize("act", ["save", "preview"])
def test_errors_stand_beside_the_text_with_their_lines(act: str) -> None:
    bad = TEXT.replace('"writeback"', '"magic"')
    answer = post(act, bad)
    assert answer.status_code == 422 and written(answer) == bad
    line = bad.split("\n").index('mechanism: "magic"') + 1
    assert f'<a href="#L{line}" data-line="{line}">line {line}</a> <code>mechanism</code>' in on_one_line(answer)
    assert f'id="L{line}" class="bad"' in answer.content.decode()
    assert 'mechanism: "magic"' in shown(answer)
    assert Revision.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.replace('"fuse-writeback"', '"another"', 1), "expected fuse-writeback: the name of what is edited stays"),
        (builders.strategy_text("fuse-writeback"), "expected fuse-writeback: the name of what is edited stays"),
        (TEXT.replace('title: "The', 'aliases: ["taken"]\ntitle: "The'), "belongs to another case"),
        (TEXT.replace("Second.", "<<<<<<< yours\na\n=======\nb\n>>>>>>> theirs"), "a conflict that is not settled"),
        ("", "This field is required."),
        ("nothing", "expected the head to begin with a line of ---"),
        (TEXT + "x" * 200_000, "expected up to 200000 characters"),
        (TEXT + "\x00", "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_saved_is_told_and_changes_nothing(text: str, message: str) -> None:
    builders.case("other", aliases=["taken"])
    answer = post("save", text)
    assert answer.status_code == 422 and message in shown(answer)
    assert Document.objects.get(slug="fuse-writeback").current.n == 1  # type: ignore[union-attr]
    assert not Document.objects.filter(slug="another").exists()


def test_a_preview_is_the_page_and_saves_nothing() -> None:
    answer = post("preview", TEXT.replace("Second.", "Another *word*."), note="A note")
    page = answer.content.decode()
    assert "A preview." in page and "Another <em>word</em>." in page and "<h1>" in page
    assert Revision.objects.count() == 1
    fields = dict(re.findall(r'type="hidden" name="(text|base|note)" value="([^"]*)"', page))
    kept = {name: html.unescape(value) for name, value in fields.items()}
    assert kept == {"text": TEXT.replace("Second.", "Another *word*."), "base": "1", "note": "A note"}
    again = post("edit", kept["text"], note="A note")
    assert again.status_code == 200 and written(again) == kept["text"] and 'value="A note"' in again.content.decode()


def test_errors_can_be_asked_for_while_writing() -> None:
    answer = post("check", TEXT.replace('kind: "case"', 'kind: "bug"'))
    (problem,) = answer.json()["problems"]  # type: ignore[attr-defined]
    assert (problem["line"], problem["field"]) == (4, "kind")
    assert post("check").json() == {"problems": []}  # type: ignore[attr-defined]


def change_meanwhile(old: str, new: str) -> None:
    store.save(TEXT.replace(old, new), origin=Origin.SITE, author=builders.person("ann", Role.EDITOR), base=1)


def test_two_who_change_the_same_line_see_both_changes_and_nothing_is_overwritten() -> None:
    change_meanwhile("Second.", "Hers.")
    answer = post("save", TEXT.replace("Second.", "His."), note="Mine")
    assert answer.status_code == 409
    assert Revision.objects.count() == 2 and "Hers." in Document.objects.get().current.text  # type: ignore[union-attr]
    page = shown(answer)
    assert "ann saved revision 2 while you were writing." in page
    assert "−\xa0" not in page and "Hers." in page
    assert answer.content.decode().count('class="diff-lines"') == 2
    together = written(answer)
    assert "<<<<<<< yours\nHis.\n=======\nHers.\n>>>>>>> revision 2 by ann" in together
    assert 'name="base" value="2"' in answer.content.decode() and 'value="Mine"' in answer.content.decode()
    unsettled = post("save", together, base=2)
    assert unsettled.status_code == 422 and Revision.objects.count() == 2
    settled = re.sub(r"<<<<<<< .*>>>>>>> [^\n]*", "Theirs.", together, flags=re.S)
    assert post("save", settled, base=2).status_code == 302
    assert Revision.objects.get(n=3).text == TEXT.replace("Second.", "Theirs.")


def test_two_who_change_different_places_are_offered_both_changes_together() -> None:
    change_meanwhile("First.", "Hers.")
    answer = post("save", TEXT.replace("Third.", "His."))
    assert answer.status_code == 409 and "The two changes do not touch each other." in shown(answer)
    assert written(answer) == TEXT.replace("First.", "Hers.").replace("Third.", "His.")
    assert post("save", written(answer), base=2).status_code == 302
    assert Revision.objects.count() == 3


@pytest.mark.parametrize("base", [0, 7, "", "x", 2**40])
def test_a_form_that_names_no_revision_is_refused(base: Any) -> None:
    answer = post("save", TEXT.replace("Second.", "His."), base=base)
    assert answer.status_code == 422 and "His." in written(answer)
    assert Revision.objects.count() == 1


def test_what_is_kept_need_not_be_whole_and_is_found_again() -> None:
    by = client()
    assert post("keep", "half a thought", by=by).status_code == 302
    answer = by.get(EDIT)
    assert written(answer) == "half a thought" and "This is your draft of" in shown(answer)
    assert "half a thought" not in Client().get("/cases/fuse-writeback/").content.decode()
    post("keep", TEXT.replace("Second.", "Whole."), by=by)
    assert Unsaved.objects.count() == 1
    post("save", TEXT.replace("Second.", "Whole."), by=by)
    assert not Unsaved.objects.exists()


def test_what_is_kept_can_be_thrown_away() -> None:
    by = client()
    post("keep", "half a thought", by=by)
    by.post(EDIT, {"act": "discard"})
    assert written(by.get(EDIT)) == TEXT


def test_what_is_kept_is_seen_by_its_author_and_by_editors() -> None:
    author = builders.person(role=Role.CONTRIBUTOR)
    store.save(builders.case_text("mine"), origin=Origin.SITE, author=author, new=True, state=State.PROPOSED)
    post("keep", "half a thought", by=client(person=author), at="/cases/mine/edit/")
    address = f"/cases/mine/kept/{Unsaved.objects.get().pk}/"
    assert address in client().get("/cases/mine/edit/").content.decode()
    for reader, status in ((client(), 200), (client(person=author), 200), (client(Role.CONTRIBUTOR), 404)):
        answer = reader.get(address)
        assert answer.status_code == status and ("half a thought" in shown(answer)) == (status == 200)
    assert client("").get(address).status_code == 302


@pytest.mark.parametrize(("role", "status"), [("", 302), (Role.READER, 403), (Role.CONTRIBUTOR, 403)])
@pytest.mark.parametrize("act", ["save", "preview", "check", "keep", "discard", "edit"])
def test_nobody_else_edits(role: str, status: int, act: str) -> None:
    assert client(role).get(EDIT).status_code == status
    assert post(act, TEXT.replace("Second.", "x"), by=client(role)).status_code == status
    assert Revision.objects.count() == 1 and not Unsaved.objects.exists()
    assert "Edit the text" not in client(role).get("/cases/fuse-writeback/").content.decode()


def test_who_proposed_a_case_edits_it_until_it_is_taken_over() -> None:
    author, address = builders.person(), "/cases/mine/edit/"
    text = builders.case_text("mine")
    given = {"origin": Origin.SITE, "author": author, "new": True, "state": State.PROPOSED}
    document = store.save(text, **given).document
    by = client(person=author)
    assert "Edit the text" in on_one_line(by.get("/cases/mine/"))
    assert post("save", text.replace("A summary.", "Mended."), by=by, at=address).status_code == 302
    assert client(Role.CONTRIBUTOR).get(address).status_code == 403
    client().post("/cases/mine/state/", {"act": "accept", "n": 2})
    assert by.get(address).status_code == post("save", text, 2, by=by, at=address).status_code == 403
    document.refresh_from_db()
    assert document.state == State.PUBLISHED


EDITORS_OWN = {
    "signature": {"names": ["vmsplice-pipe"]},
    "aliases": ["next-case"],
    "probe": "fuse-writeback",
    "parent": "fuse-writeback",
}


@pytest.mark.parametrize("head", EDITORS_OWN)
@pytest.mark.parametrize("act", ["save", "check", "preview"])
def test_what_recognises_and_names_a_proposed_case_is_for_editors_to_say(head: str, act: str) -> None:
    author, address = builders.person(), "/cases/mine/edit/"
    given = {"origin": Origin.SITE, "new": True, "state": State.PROPOSED}
    document = store.save(builders.case_text("mine"), author=author, **given).document
    wanted = builders.case_text("mine", **{head: EDITORS_OWN[head]})
    answer = post(act, wanted, by=client(person=author), at=address).content.decode()
    assert "this is for editors to say" in answer and document.revisions.count() == 1
    saved = post("save", wanted, by=client(), at=address)
    assert saved.status_code == 302 and document.revisions.count() == 2
    kept = wanted.replace("A summary.", "Mended.")  # what the editor said may stay
    assert post("save", kept, 2, by=client(person=author), at=address).status_code == 302


def test_a_token_of_a_proposer_says_no_more_than_the_form_lets_them() -> None:
    author = builders.person()
    secret = builders.token(owner=author, scopes=("submit", "curate"))
    given = {"origin": Origin.SITE, "new": True, "state": State.PROPOSED}
    document = store.save(builders.case_text("mine"), author=author, **given).document
    sent = {"content_type": "text/markdown", "HTTP_AUTHORIZATION": f"Bearer {secret}", "HTTP_IF_MATCH": '"1"'}
    answer = Client().put("/api/v1/cases/mine/", builders.case_text("mine", aliases=["next-case"]), **sent)
    assert answer.status_code == 422 and document.revisions.count() == 1


@pytest.mark.parametrize(
    ("n", "body", "said"),
    [
        (50, "Mended.", "50 revisions are enough"),
        (2, "A.\n\n## How to tell\n\n" + "x" * 40_000, "up to 40000 characters"),
    ],
)
def test_a_proposal_is_bounded_until_an_editor_looked_at_it(n: int, body: str, said: str) -> None:
    author = builders.person()
    given = {"origin": Origin.SITE, "author": author}
    document = store.save(builders.case_text("mine"), new=True, state=State.PROPOSED, **given).document
    document.current = Revision.objects.create(document=document, n=n, text=builders.case_text("mine"), origin="site")
    document.save()
    text = builders.case_text("mine", body=body)
    answer = post("save", text, n, by=client(person=author), at="/cases/mine/edit/")
    assert answer.status_code == 422 and said in answer.content.decode()
    assert post("save", text, n, at="/cases/mine/edit/").status_code == 302


def test_a_proposal_that_was_taken_over_meanwhile_is_not_changed_by_who_saw_it_as_one() -> None:
    given = {"origin": Origin.SITE, "new": True, "state": State.PROPOSED}
    seen = store.save(builders.case_text("mine"), **given).document
    Document.objects.filter(pk=seen.pk).update(state=State.PUBLISHED)
    with pytest.raises(store.Conflict):
        store.save(builders.case_text("mine", body="Mended."), origin=Origin.SITE, base=1, of=seen)


def test_a_draft_is_edited_by_editors_and_unknown_to_others() -> None:
    store.save(builders.case_text("secret"), origin=Origin.SITE, new=True, state=State.DRAFT)
    for name in ("edit/", "history/", "diff/?a=1&b=1"):
        assert client().get(f"/cases/secret/{name}").status_code == 200
        assert client(Role.CONTRIBUTOR).get(f"/cases/secret/{name}").status_code == 404


def test_an_editors_save_is_in_the_journal() -> None:
    editor = builders.person(role=Role.EDITOR)
    post("save", TEXT.replace("Second.", "x"), by=client(person=editor))
    event = Event.objects.order_by("-id")[0]
    assert (event.verb, event.actor, event.data) == ("case.revised", editor, {"n": 2, "origin": "site"})
