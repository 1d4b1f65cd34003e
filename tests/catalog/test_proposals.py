"""Proposing a case, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from catalog.documents.parser import parse
from catalog.documents.schema import CaseText
from catalog.editing.case_form import link_from
from catalog.models import Case, Document, Revision
from catalog.models.text import Origin, State
from catalog.revisions import store
from people.models import Event, Role, User
from tests import builders
from tests.pages import on_one_line

pytestmark = pytest.mark.django_db

NEEDED = {
    "holds": "A frobnicator takes a reference for each request. It gives it back when the device answers.",
    "mechanism": "extra_reference",
    "controllers": ["device", "unprivileged_user"],
    "link": "20250101.abc@example.org",
}
ADDRESS = "/cases/a-frobnicator-takes-a-reference-for-each-request/"


def client(role: str = Role.CONTRIBUTOR) -> Client:
    made = Client()
    if role:
        made.force_login(builders.person(role=role))
    return made


def propose(by: Client | None = None, **changed: Any) -> HttpResponse:
    return (by or client()).post("/cases/new/", {**NEEDED, **changed})  # type: ignore[return-value]


def proposal(slug: str = "a-proposal", by: User | None = None, state: State = State.PROPOSED) -> Document:
    given = {"origin": Origin.SITE, "author": by or builders.person(), "new": True, "state": state}
    return store.save(builders.case_text(slug), **given).document


def test_what_holds_it_who_controls_it_and_a_link_are_enough() -> None:
    answer = propose()
    assert (answer.status_code, answer["Location"]) == (302, ADDRESS)
    document = Document.objects.select_related("current").get()
    assert document.state == State.PROPOSED and document.current is not None
    text = parse(document.current.text)
    assert isinstance(text, CaseText)
    assert (text.title, text.mechanism, text.bounds.time) == (
        "A frobnicator takes a reference for each request", "extra_reference", "unknown",
    )  # fmt: skip
    assert (text.controllers, text.subsystems, text.effects) == (("device", "unprivileged_user"), (), ())
    assert [(link.kind, link.ref) for link in text.links] == [("message", "20250101.abc@example.org")]
    assert Event.objects.get().verb == "case.proposed"


def test_all_the_rest_is_taken_too() -> None:
    propose(
        title="The frobnicator",
        link_title="Where it was seen",
        bound="short",
        areas=["migrate_cma"],
        subsystems="FUSE, mm/migrate,, FUSE",
        effect_hotunplug="sleeps_in_d",
        tell="Look at\r\n\r\n## the stack",
        question="Why?",
    )
    text = parse(Revision.objects.get().text)
    assert isinstance(text, CaseText)
    assert (text.title, text.bounds.time, text.areas, text.subsystems) == (
        "The frobnicator", "short", ("migrate_cma",), ("FUSE", "mm/migrate"),
    )  # fmt: skip
    assert [(e.effect, e.manner, e.standing) for e in text.effects] == [("hotunplug", "sleeps_in_d", "reported")]
    assert text.sections == {"How to tell": "Look at\n\n#### the stack", "Open question": "Why?"}
    assert text.links[0].title == "Where it was seen"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"holds": ""}, "This field is required."),
        ({"holds": "Too short"}, "at least 20 characters"),
        ({"holds": "An open fence, that is it:\n```\n"}, "A block of code is left open"),
        ({"holds": "???? ???? ???? ???? ????"}, "Use some more letters or digits"),
        ({"mechanism": ""}, "This field is required."),
        ({"mechanism": "magic"}, "Select a valid choice."),
        ({"controllers": []}, "This field is required."),
        ({"link": ""}, "This field is required."),
        ({"link": "somewhere"}, "Give a Message-ID, a commit"),
        ({"link": "http://plain.example/"}, "Give a Message-ID, a commit"),
        ({"link": "javascript:alert(1)//a@b"}, "Give a Message-ID, a commit"),
        ({"title": "new"}, "Use some more letters or digits"),
        ({"title": "Proposed"}, "Use some more letters or digits"),
        ({"title": "FUSE writeback"}, "There is a case of this name already."),
        ({"title": "FUSE wb"}, "There is a case of this name already."),
        ({"effect_hotunplug": "explodes"}, "Select a valid choice."),
        ({"subsystems": "x\x00y"}, "Null characters are not allowed."),
    ],
)
def test_a_bad_proposal_is_told_and_kept_in_the_form(changed: dict[str, Any], message: str) -> None:
    builders.case(aliases=["fuse-wb"])
    answer = propose(**changed)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert message in page and ("takes a reference" in page or "20250101.abc" in page)
    assert not Case.objects.filter(document__state=State.PROPOSED).exists()


@pytest.mark.parametrize(
    ("typed", "kind", "ref"),
    [
        ("<a.b@example.org>", "message", "a.b@example.org"),
        ("https://lore.kernel.org/linux-mm/a.b@example.org/T/#u", "message", "a.b@example.org"),
        ("https://lore.kernel.org/all/a.b@example.org/", "message", "a.b@example.org"),
        ("0c58a97f919c", "commit", "0c58a97f919c"),
        ("https://git.kernel.org/linus/0c58a97f919c24", "commit", "0c58a97f919c24"),
        (
            "https://git.kernel.org/pub/scm/linux/kernel/git/a/b.git/commit/?id=0c58a97f919c24",
            "commit",
            "0c58a97f919c24",
        ),
        ("https://docs.kernel.org/mm/x.html", "documentation", "https://docs.kernel.org/mm/x.html"),
        ("https://bugzilla.kernel.org/show_bug.cgi?id=1", "bug", "https://bugzilla.kernel.org/show_bug.cgi?id=1"),
        ("https://lwn.net/Articles/1/", "article", "https://lwn.net/Articles/1/"),
    ],
)
def test_a_link_is_recognised_however_it_is_pasted(typed: str, kind: str, ref: str) -> None:
    assert (link_from(typed).kind, link_from(typed).ref) == (kind, ref)


def test_a_stranger_is_asked_to_sign_in_and_a_reader_may_not() -> None:
    assert propose(client(""))["Location"] == "/sign-in/?next=/cases/new/"
    assert propose(client(Role.READER)).status_code == 403
    assert not Document.objects.exists()


def test_a_proposal_is_public_and_marked_wherever_it_is_shown() -> None:
    propose()
    page = Client().get(ADDRESS).content.decode()
    assert "Nobody has reviewed this yet." in page and "unreviewed" in page and 'content="noindex' in page
    listed = Client().get("/cases/proposed/").content.decode()
    assert ADDRESS in listed and "unreviewed" in listed
    told = Client().get(f"/api/v1{ADDRESS}").json()
    assert (told["state"], told["is_reviewed"]) == ("proposed", False)
    rows = Client().get("/api/v1/cases/?state=proposed").json()["results"]
    assert [(row["case"], row["is_reviewed"]) for row in rows] == [(told["case"], False)]


@pytest.mark.parametrize(
    "path", ["/", "/?q=frobnicator", "/search/?q=frobnicator", "/agenda/", "/api/v1/cases/", "/strategies/new/"]
)
@pytest.mark.parametrize("role", ["", Role.CONTRIBUTOR, Role.EDITOR])
def test_a_proposal_is_no_part_of_the_catalog(path: str, role: str) -> None:
    propose()
    reader = client(role)
    page = reader.get(path, follow=True).content.decode()
    assert "takes a reference" not in page
    states_move(reader, "accept") if role == Role.EDITOR else None
    if role == Role.EDITOR:
        assert "takes a reference" in reader.get(path, follow=True).content.decode()


def states_move(by: Client, act: str, n: int = 1, **more: Any) -> HttpResponse:
    return by.post(f"{ADDRESS}state/", {"act": act, "n": n, **more}, follow=True)  # type: ignore[return-value]


def test_an_editor_takes_it_over() -> None:
    propose()
    page = states_move(client(Role.EDITOR), "accept").content.decode()
    assert "You took the proposed case over." in page and "Nobody has reviewed" not in page
    assert Document.objects.get().state == State.PUBLISHED
    event = Event.objects.get(verb="case.accepted")
    assert event.actor is not None and event.data == {"n": 1}
    assert Client().get(f"/api/v1{ADDRESS}").json()["is_reviewed"] is True
    assert "Nothing is waiting for review." in Client().get("/cases/proposed/").content.decode()


def test_an_editor_declines_it_with_a_reason_that_everybody_can_read() -> None:
    propose()
    editor = client(Role.EDITOR)
    assert "Say why" in states_move(editor, "decline", reason=" ").content.decode()
    states_move(editor, "decline", reason="It is <b>contiguous</b>.")
    for path in (ADDRESS, "/cases/proposed/"):
        assert "It is &lt;b&gt;contiguous&lt;/b&gt;." in Client().get(path).content.decode()
    assert Client().get(f"/api/v1{ADDRESS}").json()["state"] == "declined"
    assert Event.objects.get(verb="case.declined").data["reason"] == "It is <b>contiguous</b>."
    states_move(editor, "reopen")
    assert Document.objects.get().state == State.PROPOSED


def test_what_the_reason_names_is_linked_wherever_it_stands() -> None:
    propose()
    builders.case()
    hidden = builders.case("a-draft").document
    hidden.state = State.DRAFT
    hidden.save()
    states_move(client(Role.EDITOR), "decline", reason="The same as #fuse-writeback, not #a-draft.")
    link = '<a href="/cases/fuse-writeback/" rel="noopener nofollow ugc">#fuse-writeback</a>'
    for path in (ADDRESS, "/cases/proposed/", f"{ADDRESS}history/"):
        assert f"The same as {link}, not #a-draft." in Client().get(path).content.decode()


def test_an_editor_decides_on_the_text_that_was_read() -> None:
    propose()
    current = Revision.objects.get()
    store.save(current.text.replace("a reference", "two references"), origin=Origin.SITE, base=1)
    page = states_move(client(Role.EDITOR), "accept", n=1).content.decode()
    assert "Its text has changed since you read revision 1." in page
    assert Document.objects.get().state == State.PROPOSED and not Event.objects.filter(verb="case.accepted").exists()


@pytest.mark.parametrize("act", ["publish", "withdraw", "fly", ""])
def test_an_act_that_does_not_fit_its_state_changes_nothing(act: str) -> None:
    propose()
    assert "It is proposed by now." in states_move(client(Role.EDITOR), act).content.decode()
    assert Document.objects.get().state == State.PROPOSED


@pytest.mark.parametrize("role", ["", Role.READER, Role.CONTRIBUTOR])
def test_nobody_else_decides(role: str) -> None:
    propose()
    answer = client(role).post(f"{ADDRESS}state/", {"act": "accept", "n": 1})
    assert answer.status_code == (403 if role else 302)
    assert Document.objects.get().state == State.PROPOSED
    assert "Accept the proposal" not in client(role).get(ADDRESS).content.decode()


def test_a_withdrawn_case_is_an_editors_alone_until_it_is_published_again() -> None:
    propose()
    editor = client(Role.EDITOR)
    states_move(editor, "accept")
    states_move(editor, "withdraw", reason="Wrong")
    assert Client().get(ADDRESS).status_code == Client().get(f"{ADDRESS}@1").status_code == 404
    assert "Only editors see it" in editor.get(ADDRESS).content.decode()
    states_move(editor, "publish")
    assert Client().get(ADDRESS).status_code == 200


def test_an_editor_may_begin_with_a_draft_and_nobody_else() -> None:
    propose(client(Role.EDITOR), act="draft")
    assert Document.objects.get().state == State.DRAFT
    assert Client().get(ADDRESS).status_code == 404
    propose(title="Another one", act="draft")
    assert Document.objects.get(slug="another-one").state == State.PROPOSED


def test_what_was_taken_out_of_a_draft_is_nobody_elses_to_see() -> None:
    document = proposal(state=State.DRAFT)
    for n, word in ((1, "secret"), (2, "public")):
        text = builders.case_text("a-proposal", body=f"A {word} summary.")
        store.save(text, origin=Origin.SITE, base=n)
    editor = client(Role.EDITOR)
    editor.post("/cases/a-proposal/state/", {"act": "publish", "n": 3})
    document.refresh_from_db()
    assert document.state == State.PUBLISHED
    assert [Client().get(f"/cases/a-proposal/@{n}").status_code for n in (1, 2, 3)] == [404, 404, 200]
    assert [editor.get(f"/cases/a-proposal/@{n}").status_code for n in (1, 2, 3)] == [200, 200, 200]


def test_the_list_of_proposals_asks_the_same_few_questions_however_many_there_are(
    django_assert_max_num_queries: Any,
) -> None:
    for n in range(7):
        proposal(f"proposal-{n}")
    proposal("declined", state=State.DECLINED)
    with django_assert_max_num_queries(4):
        Client().get("/cases/proposed/")


def test_a_proposal_can_be_discussed() -> None:
    document = proposal()
    answer = client().post(f"/discussion/{document.pk}/", {"text": "Is it not the same as another?"}, follow=True)
    assert "Is it not the same" in answer.content.decode()


def test_five_proposals_of_a_person_wait_and_no_more() -> None:
    by = client()
    for n in range(5):
        assert propose(by, title=f"The frobnicator {n}").status_code == 302
    answer = propose(by, title="One more")
    assert answer.status_code == 422 and "5 of your proposals wait for an editor." in answer.content.decode()
    assert propose(title="Of somebody else").status_code == 302
    client(Role.EDITOR).post("/cases/the-frobnicator-1/state/", {"act": "decline", "n": 1, "reason": "no"})
    assert propose(by, title="One more").status_code == 302


def test_the_list_of_proposals_has_pages() -> None:
    for n in range(52):
        proposal(f"p-{n}", state=State.PROPOSED if n else State.DECLINED)
    first, second = (on_one_line(Client().get(f"/cases/proposed/?page={n}")) for n in (1, 2))
    assert first.count("/cases/p-") == 50 and "/cases/p-1/" in first and "page 1 of 2" in first
    assert "/cases/p-51/" in second and "/cases/p-0/" in second


def test_an_editors_case_takes_its_name_from_a_proposal() -> None:
    waiting = proposal("the-frobnicator")
    assert propose(title="The frobnicator").status_code == 422
    answer = propose(client(Role.EDITOR), title="The frobnicator", act="draft")
    assert (answer.status_code, answer["Location"]) == (302, "/cases/the-frobnicator/")
    waiting.refresh_from_db()
    assert waiting.slug == f"the-frobnicator-proposal-{waiting.pk}"


def edited(by: Client, slug: str, text: str, base: int = 1) -> HttpResponse:
    return by.post(f"/cases/{slug}/edit/", {"text": text, "base": base, "act": "save", "note": ""})


def test_what_was_open_while_its_name_was_taken_goes_over_nothing() -> None:
    """By a form or the API, which name the revision that they began at: the new case has none of that number."""
    person, editor = builders.person(), builders.person(role=Role.EDITOR)
    waiting = proposal("the-frobnicator", person)
    theirs = waiting.current.text if waiting.current else ""
    official = builders.case_text("the-frobnicator", title="What the project says of it")
    taken = store.save(official, origin=Origin.FILE).document
    by_editor, by_person = Client(), Client()
    by_editor.force_login(editor)
    by_person.force_login(person)
    changed = theirs.replace("A summary.", "Written meanwhile.")
    answer = edited(by_editor, "the-frobnicator", changed)
    assert answer.status_code == 422 and "Written meanwhile." in answer.content.decode()
    sent = {"data": changed, "content_type": "text/markdown", "headers": {"If-Match": '"1"'}}
    assert by_editor.put("/api/v1/cases/the-frobnicator/", **sent).status_code == 412
    taken.refresh_from_db()
    assert taken.current is not None and taken.current.text == official

    answer = edited(by_person, "the-frobnicator", changed)
    page = answer.content.decode()
    assert answer.status_code == 422 and "Written meanwhile." in page
    assert f"expected the-frobnicator-proposal-{waiting.pk}" in page
    assert f'action="/cases/the-frobnicator-proposal-{waiting.pk}/edit/"' in page
    waiting.refresh_from_db()
    named = changed.replace('case: "the-frobnicator"', f'case: "{waiting.slug}"')
    clash = edited(by_person, waiting.slug, named)
    assert clash.status_code == 409 and "Written meanwhile." in clash.content.decode()
    assert edited(by_person, waiting.slug, named, 2).status_code == 302


def test_a_renamed_proposal_is_its_authors_alone_to_go_on_with() -> None:
    waiting = proposal("the-frobnicator", builders.person())
    store.save(builders.case_text("the-frobnicator", title="What the project says of it"), origin=Origin.FILE)
    stranger = client()
    assert edited(stranger, "the-frobnicator", "x").status_code == 403
    assert stranger.get("/cases/the-frobnicator/edit/").status_code == 403
    waiting.refresh_from_db()
    assert edited(stranger, waiting.slug, "x").status_code == 403
