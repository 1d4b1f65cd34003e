"""Objections, answers, states and drivers: each a revision that changes what it must and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from catalog.documents import splice
from catalog.documents.parser import parse
from catalog.documents.schema import Link, Objection, Step, StrategyText
from catalog.models import Strategy
from catalog.models.text import Origin
from catalog.revisions import files, steering, store
from discussion.comments import threads
from people.models import Role, User
from tests import builders

STRATEGIES = sorted(Path("data/strategies").glob("*.md"))
SAID = 'It costs: a "copy" of each page.\n\n    cost = pages\n\nAnd more: # much.'
LINK = Link(kind="comment", ref="5", title="Comment")


def read(text: str) -> StrategyText:
    made = parse(text)
    assert isinstance(made, StrategyText)
    return made


@pytest.mark.parametrize("path", STRATEGIES, ids=lambda path: path.stem)
def test_what_is_added_to_a_file_of_the_catalog_leaves_its_other_lines_alone(path: Path) -> None:
    text = path.read_text()
    now = read(text)
    objection = Objection(id="a-new-one", text=SAID, by="A. Reader", source=LINK)
    added = objection.model_dump(mode="json", exclude_none=True)
    step = Step(state="posted", version=9, at="2026-11-22")
    edits = [
        ("objections", -1, added),
        ("states", -1, step.model_dump(mode="json", exclude_none=True)),
        ("driver", None, "A. Reader"),
        ("objections", len(now.objections), {"answer": SAID}),
    ]
    wanted = now.model_copy(
        update={
            "objections": (*now.objections, objection.model_copy(update={"answer": SAID})),
            "states": (*now.states, step),
            "driver": "A. Reader",
        }
    )
    made = splice.changed(text, wanted, edits)
    assert read(made) == wanted
    gone = set(text.splitlines()) - set(made.splitlines())
    assert all(line.startswith(("driver:", "objections: []", "  ")) for line in gone) and len(gone) <= 2, gone


def test_a_head_that_cannot_be_spliced_is_written_anew() -> None:
    text = builders.strategy_text(objections=[{"id": "one", "text": "First."}])
    now = read(text)
    wanted = now.model_copy(update={"objections": (*now.objections, Objection(id="two", text="Second."))})
    assert read(splice.changed(text, wanted, [("objections", -1, {"id": "two", "text": "Second."})])) == wanted


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_now() -> StrategyText:
    current = Strategy.objects.select_related("document__current").get().document.current
    assert current is not None
    return read(current.text)


def page(path: str) -> str:
    return Client().get(path).content.decode()


@pytest.mark.django_db
def test_an_objection_from_a_comment_and_its_answer_stand_on_all_pages() -> None:
    builders.case()
    strategy = builders.strategy()
    ann, ben = builders.person("ann"), builders.person("ben")
    comment = threads.say(strategy.document, ann, "It *copies* each page.")
    client = signed_in(ben)
    form = client.get(f"/strategies/a-strategy/object/?comment={comment.pk}").content.decode()
    assert ">\nIt *copies* each page.</textarea>" in form and f'value="/c/{comment.pk}/"' in form
    fields = {"text": "It *copies* each page.", "whose": "ann", "source": f"/c/{comment.pk}/"}
    answer = client.post("/strategies/a-strategy/object/", fields)
    assert answer["Location"] == "/strategies/a-strategy/#objections"
    (objection,) = text_now().objections
    assert (objection.id, objection.by, objection.source) == ("it-copies-each-page", "ann", Link(kind="comment", ref=str(comment.pk), title="Comment"))  # fmt: skip  # noqa: E501
    assert f'href="/c/{comment.pk}/"' in page("/strategies/a-strategy/")
    assert "unanswered" in page("/agenda/")
    address = "/strategies/a-strategy/objections/it-copies-each-page/"
    assert signed_in(ann).post(address, {"text": "Only one of them."}).status_code == 302
    assert "Only one of them." in page("/strategies/a-strategy/") and "unanswered" not in page("/agenda/")
    again = signed_in(ben).post(address, {"text": "Two."})
    assert again.status_code == 422 and "has an answer by now" in again.content.decode()


@pytest.mark.django_db
def test_two_objections_of_one_wording_have_names_of_their_own() -> None:
    strategy, ann = builders.strategy(), builders.person("ann")
    for _ in range(3):
        steering.record_objection(strategy.document, ann, "山田", "", None)
    assert [(o.id, o.by) for o in text_now().objections] == [
        ("objection", "ann"),
        ("objection-2", "ann"),
        ("objection-3", "ann"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": ""}, "This field is required"),
        ({"text": "x" * 4_001}, "at most 4000 characters"),
        ({"text": "a\x00b"}, "Null characters are not allowed"),
        ({"text": "Fine.", "source": "javascript:alert(1)"}, "Expected a comment"),
        ({"text": "Fine.", "source": "http://example.org/"}, "Expected a comment"),
    ],
)
def test_a_bad_objection_is_told_and_changes_nothing(fields: dict[str, str], said: str) -> None:
    builders.strategy()
    answer = signed_in(builders.person()).post("/strategies/a-strategy/object/", fields)
    assert answer.status_code == 422 and said in answer.content.decode()
    assert text_now().objections == ()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "kind", "ref"),
    [
        ("https://site.example/c/12/", "comment", "12"),
        ("<a@example.org>", "message", "a@example.org"),
        ("https://lore.kernel.org/all/a@example.org/", "message", "a@example.org"),
        ("9b17cb59a7db983a967c3658fe9a2f250f588bbd", "commit", "9b17cb59a7db983a967c3658fe9a2f250f588bbd"),
        ("https://lwn.net/Articles/1/", "article", "https://lwn.net/Articles/1/"),
    ],
)
def test_a_source_is_read_as_what_it_is(given: str, kind: str, ref: str) -> None:
    builders.strategy()
    signed_in(builders.person()).post("/strategies/a-strategy/object/", {"text": "Fine.", "source": given})
    source = text_now().objections[0].source
    assert source is not None and (source.kind, source.ref) == (kind, ref)


@pytest.mark.django_db
def test_who_proposed_it_and_editors_move_its_state() -> None:
    ann = builders.person("ann")
    store.save(builders.strategy_text(), origin=Origin.SITE, author=ann)
    fields = {"state": "posted", "version": "2", "source": "v2@example.org", "note": "Three patches."}
    assert signed_in(builders.person()).post("/strategies/a-strategy/move/", fields).status_code == 403
    assert signed_in(ann).post("/strategies/a-strategy/move/", fields).status_code == 302
    now = text_now()
    assert [s.state for s in now.states] == ["idea", "posted"] and now.state.version == 2 and now.state.at
    assert "posted v2" in page("/strategies/")
    again = signed_in(ann).post("/strategies/a-strategy/move/", fields)
    assert again.status_code == 422 and "stands there already" in again.content.decode()
    editor = signed_in(builders.person(role=Role.EDITOR))
    assert editor.post("/strategies/a-strategy/move/", {"state": "merged"}).status_code == 302
    assert [s.state for s in text_now().states] == ["idea", "posted", "merged"]


@pytest.mark.django_db
def test_what_nobody_drives_is_taken_on_by_anybody_and_taken_over_by_editors() -> None:
    builders.strategy()
    ann = builders.person("ann")
    assert signed_in(ann).post("/strategies/a-strategy/drive/").status_code == 302
    assert text_now().driver == "ann"
    assert "/drive/" not in signed_in(ann).get("/strategies/a-strategy/").content.decode()
    assert signed_in(builders.person("ben")).post("/strategies/a-strategy/drive/").status_code == 403
    ed = signed_in(builders.person("ed", Role.EDITOR))
    assert "Take it over" in ed.get("/strategies/a-strategy/").content.decode()
    assert ed.post("/strategies/a-strategy/drive/").status_code == 302
    assert text_now().driver == "ed"
    assert "/drive/" not in ed.get("/strategies/a-strategy/").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["object/", "objections/one/", "move/", "drive/"])
def test_strangers_sign_in_and_readers_may_not(path: str) -> None:
    builders.strategy(objections=[{"id": "one", "text": "First."}])
    address = f"/strategies/a-strategy/{path}"
    assert Client().post(address, {"text": "x"})["Location"].startswith("/sign-in/")
    assert signed_in(builders.person(role=Role.READER)).post(address, {"text": "x"}).status_code == 403
    assert len(text_now().states) == 1


@pytest.mark.django_db
def test_who_proposed_a_strategy_moves_it_until_a_file_takes_it_over(tmp_path: Path) -> None:
    ann, editor = builders.person("ann"), builders.person("ed", Role.EDITOR)
    builders.case()
    store.save(builders.strategy_text(), origin=Origin.SITE, author=ann)
    made = Strategy.objects.get().document
    assert steering.may_move(ann, made) and not steering.may_move(builders.person("ben"), made)
    current = made.current
    assert current is not None
    path = tmp_path / "a-strategy.md"
    path.write_text(current.text)
    (loaded,) = files.load([path])
    assert steering.may_move(ann, made), "what was exported, and comes back as it is, takes nothing over"
    path.write_text(current.text.replace("title: ", "title: Another ", 1))
    (loaded,) = files.load([path])
    assert loaded.result in ("new", "revised")
    assert not steering.may_move(ann, made) and steering.may_move(editor, made)
    assert signed_in(ann).get("/strategies/a-strategy/move/").status_code == 403
    assert signed_in(editor).get("/strategies/a-strategy/move/").status_code == 200
