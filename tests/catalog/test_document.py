"""Text to document and back; what is malformed is told with its line and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.documents.parser import MAX_CHARACTERS, Malformed, Problem, parse, write
from catalog.documents.schema import CaseText, StrategyText
from catalog.revisions import files
from tests import builders

CASE = builders.case_text()
IDEA = {"state": "idea"}


def problems(text: str) -> list[Problem]:
    with pytest.raises(Malformed) as caught:
        parse(text)
    return caught.value.problems


def problem(text: str) -> tuple[int, str, str]:
    (found,) = problems(text)
    return found.line, found.field, found.message


def head(**fields: object) -> str:
    return builders.case_text(**fields)


def with_lines(*lines: str) -> str:
    """The case with these lines of YAML more, the first of them at line 10."""
    return CASE.replace("\n---\n\n", "\n" + "\n".join(lines) + "\n---\n\n")


def test_the_lines_of_these_tests_start_where_they_say() -> None:
    assert with_lines("here: 1").split("\n")[9] == "here: 1"


@pytest.mark.parametrize("path", files.all_files(), ids=lambda path: path.stem)
def test_every_file_of_the_catalog_survives_a_round_trip(path: Path) -> None:
    document = parse(path.read_text(encoding="utf-8"))
    assert parse(write(document)) == document
    assert write(parse(write(document))) == write(document)


@pytest.mark.parametrize("path", files.all_files(), ids=lambda path: path.stem)
def test_every_file_of_the_catalog_is_good(path: Path) -> None:
    assert files.check(path) == ()


def test_the_parts_of_a_text_come_apart() -> None:
    text = parse(builders.case_text(body="One.\n\nTwo.\n\n## How to tell\n\nLook.\n\n## Open question\n\n?"))
    assert isinstance(text, CaseText)
    assert (text.slug, text.title, text.controllers) == (
        "fuse-writeback",
        "The case fuse-writeback",
        ("unprivileged_user",),
    )
    assert text.summary == "One.\n\nTwo."
    assert text.sections == {"How to tell": "Look.", "Open question": "?"}


def test_a_strategy_stands_where_its_last_step_is() -> None:
    text = parse(builders.strategy_text(states=[{"state": "idea"}, {"state": "posted", "version": "3"}]))
    assert isinstance(text, StrategyText)
    assert (text.state.state, text.state.version) == ("posted", 3)


def test_every_scalar_of_the_head_stays_text() -> None:
    text = parse(
        with_lines("trees:", "  - {tree: no, change: present, known_by: memory, release: 1.10, note: 2026-11-22}")
    )
    assert isinstance(text, CaseText)
    (tree,) = text.trees
    assert (tree.tree, tree.release, tree.note) == ("no", "1.10", "2026-11-22")


def test_windows_line_ends_read_the_same() -> None:
    text = builders.case_text(body="One.\n\n## How to tell\n\nLook.")
    assert parse(text.replace("\n", "\r\n")).sections == {"How to tell": "Look."}


@pytest.mark.parametrize("fence", ["```", "~~~", "````", "``` c"])
def test_a_heading_within_fenced_code_is_code(fence: str) -> None:
    body = f"One.\n\n{fence}\n## How to tell\n{fence.rstrip(' c')}\n\n## Open question\n\n?"
    text = parse(builders.case_text(body=body))
    assert list(text.sections) == ["Open question"]
    assert "## How to tell" in text.summary


def test_code_within_a_line_opens_no_fence() -> None:
    text = parse(builders.case_text(body="```x``` is code.\n\n## Open question\n\n?"))
    assert text.sections == {"Open question": "?"}


@pytest.mark.parametrize(
    ("text", "line", "field", "message"),
    [
        ("", 1, "", "expected the head to begin with a line of ---"),
        ("case: a\n---\n", 1, "", "expected the head to begin"),
        ("---\ncase: a\n", 3, "", "expected the head to end"),
        ("---\n---\n", 2, "", "expected fields"),
        ("---\n- a\n---\n", 2, "", "expected fields"),
        ("---\ntitle: a\n---\n", 2, "", "expected a field `case:` or `strategy:`"),
        ("---\ncase: a\nb: [1\n---\n", 4, "", "not YAML"),
        ("---\ncase: a\n\tb: 1\n---\n", 3, "", "not YAML"),
        ("---\ncase: \x07\n---\n", 2, "", "not YAML"),
        ("---\ncase: a\n--- b\n---\n", 3, "", "not YAML"),
        (with_lines("a: &x 1"), 10, "", "anchors and aliases are not allowed"),
        (with_lines("a: [1, *x]"), 10, "", "anchors and aliases are not allowed"),
        (with_lines("title: again"), 10, "title", "stands here a second time"),
        (with_lines("bounds2: {a: 1, a: 2}"), 10, "a", "stands here a second time"),
        (with_lines("? [a]", ": b"), 10, "", "expected a plain field name"),
        (with_lines("areas: " + "[" * 900 + "]" * 900), 10, "", "nesting of more than 20 levels"),
        (with_lines("areas: " + "[" * 90_000), 10, "", "nesting of more than 20 levels"),
        (CASE + "a\x00b", 13, "", "a NUL character"),
        (CASE + "\ud800", 13, "", "a lone surrogate"),
        (CASE + "x" * MAX_CHARACTERS, 1, "", f"expected up to {MAX_CHARACTERS} characters"),
        (with_lines("surprise: 1"), 10, "surprise", "no such field"),
        (with_lines("summary: one more"), 10, "summary", "no such field"),
        (with_lines("sections: {a: b}"), 10, "sections", "no such field"),
        (head(title=None), 2, "title", "expected to be there"),
        (head(title=""), 3, "title", "at least 1 character"),
        (head(title="x" * 301), 3, "title", "at most 300 characters"),
        (head(slug="Fuse"), 2, "case", "pattern"),
        (head(slug="a" * 65), 2, "case", "pattern"),
        (head(kind="bug"), 4, "kind", "expected one of case, contrast, look_alike, found 'bug'"),
        (head(status="wontfix"), 5, "status", "expected one of open"),
        (head(controllers=[]), 7, "controllers", "at least 1 item"),
        (head(controllers="kernel"), 7, "controllers", "expected a list: [one, two]"),
        (head(bounds="unbounded"), 8, "bounds", "expected fields of its own: time, [time_note], [amount], [denies]"),
        (with_lines("effects: [offline]"), 10, "effects.0", "of its own: effect, manner, standing, [note]"),
        (with_lines("areas: [[a]]"), 10, "areas.0", "expected text"),
        (with_lines("surprise: 1"), 10, "surprise", "there are title, case, kind, status, mechanism"),
        (with_lines("tree: 1"), 10, "tree", "no such field; perhaps `trees`"),
        (head(bounds={"time": "long", "denies": ""}), 8, "bounds.denies", "at least 1 character"),
        (head(body=""), 11, "summary", "at least 1 character"),
        (with_lines("effects:", "  - effect: compaction", "    manner: quietly", "    standing: measured"),
         12, "effects.0.manner", "expected one of rejected_at_once"),
        (with_lines("aliases: [a, b, a]"), 10, "aliases", "a stands here a second time"),
        (with_lines("aliases: [fuse-writeback]"), 10, "aliases", "fuse-writeback is the case's own name"),
        (head(body="One.\n\n## Whatever"), 14, "", "expected a section named one of What holds it"),
        (head(body="One.\n## Open question\n## Open question"), 14, "Open question", "second time"),
        (builders.strategy_text(cases=("a", "a")), 6, "cases", "a stands here a second time"),
        (builders.strategy_text(states=[]), 5, "states", "at least 1 item"),
        (builders.strategy_text(states=[IDEA, {**IDEA, "version": "0"}]), 5, "states.1.version", "greater than"),
        (builders.strategy_text(states=[IDEA, {**IDEA, "at": "May"}]), 5, "states.1.at", "pattern"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_told_with_its_line_and_field(text: str, line: int, field: str, message: str) -> None:
    found = problem(text)
    assert found[:2] == (line, field)
    assert message in found[2]


def test_a_field_within_a_field_is_known_by_where_it_stands() -> None:
    text = with_lines("effects: [{effects: compaction, manner: degraded, standing: measured}]", "claims: [{source: a}]")
    told = {found.field: found.message for found in problems(text)}
    assert told["effects.0.effects"] == "no such field; perhaps `effect`"
    assert told["claims.0.source"] == "expected fields of its own: kind, ref, title"


def test_all_problems_are_told_at_once_and_in_order() -> None:
    text = head(kind="bug", status="wontfix", body="One.\n\n## Whatever")
    assert [found.line for found in problems(text)] == [4, 5, 14]


def link(kind: str, ref: str) -> str:
    return with_lines(f"links: [{{kind: {kind}, ref: '{ref}', title: A link}}]")


@pytest.mark.parametrize(
    ("kind", "ref", "url"),
    [
        ("message", "20260101.1-a@b.example", "https://lore.kernel.org/all/20260101.1-a@b.example/"),
        ("commit", "0c58a97f919c", "https://git.kernel.org/linus/0c58a97f919c"),
        ("article", "https://lwn.net/Articles/1/", "https://lwn.net/Articles/1/"),
        ("source", "mm/migrate.c, migrate_folio_unmap", ""),
        ("source", "javascript:alert(1)", ""),
        ("source", "https://elixir.bootlin.com/", "https://elixir.bootlin.com/"),
    ],
)
def test_a_link_knows_its_public_address(kind: str, ref: str, url: str) -> None:
    assert parse(link(kind, ref)).links[0].url == url


@pytest.mark.parametrize(
    ("kind", "ref"),
    [
        ("message", "<a@b>"),
        ("message", "https://lore.kernel.org/all/a@b/"),
        ("message", "nobody"),
        ("commit", "0c58a97f919"),
        ("commit", "0" * 41),
        ("commit", "0C58A97F919C"),
        ("article", "http://lwn.net/"),
        ("article", "javascript:alert(1)"),
        ("bug", "https://a b"),
        ("documentation", 'https://a"onclick='),
        ("tweet", "https://a.example"),
    ],
)
def test_a_reference_that_does_not_fit_its_kind_is_malformed(kind: str, ref: str) -> None:
    assert problem(link(kind, ref))[:2][0] == 10


def test_claims_and_objections_have_ids_of_their_own() -> None:
    claim = {"id": "a", "text": "t", "standing": "asserted", "source": {"kind": "source", "ref": "r", "title": "t"}}
    assert "a stands here a second time" in problem(head(claims=[claim, claim]))[2]
    objection = {"id": "a", "text": "t"}
    assert "a stands here a second time" in problem(builders.strategy_text(objections=[objection] * 2))[2]


@given(st.text(max_size=200))
def test_parsing_raises_nothing_but_malformed(text: str) -> None:
    for whole in (text, f"---\n{text}\n---\n", f"---\ncase: a\ntitle: {text}\n---\n\n{text}\n"):
        with pytest.raises(Malformed):
            parse(whole)


lines_of_text = (
    st.text(min_size=1, max_size=200)
    .map(str.strip)
    .filter(lambda text: text and not any(mark in text for mark in ("\x00", "## ", "```", "~~~")))
)


@given(lines_of_text, lines_of_text)
def test_whatever_a_person_types_is_read_back_as_it_was(title: str, body: str) -> None:
    made = parse(builders.strategy_text()).model_copy(
        update={"title": title, "driver": body, "summary": body, "sections": {"Open question": body}}
    )
    assert parse(write(made)) == made


SIGN = {"marks": ["frame:a"], "why": "x"}


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        ({"names": ["*"]}, "less would speak of tests of all kinds"),
        ({"names": ["*.*", "mm.*"]}, "less would speak of tests of all kinds"),
        ({"names": ["*migration"]}, "at its end alone"),
        ({"names": ["move[_]pages"]}, "should match pattern"),
        ({"names": ["move_pages?"]}, "should match pattern"),
        ({"names": [f"test_{n}" for n in range(31)]}, "at most 30"),
        ({"names": ["x" * 121]}, "at most 120"),
        ({"proves": [SIGN] * 31}, "at most 30"),
        ({"contradicts": [SIGN] * 31}, "at most 30"),
        ({"supports": [{"marks": ["frame:a"] * 21, "why": "x"}]}, "at most 20"),
        ({"needs": ["|".join(["frame:" + "a" * 90] * 5)]}, "at most 400"),
        ({"tell": [{"run": "x", "tells": "y"}] * 11}, "at most 10"),
    ],
)
def test_what_each_report_is_held_against_is_bounded(signature: dict[str, Any], said: str) -> None:
    with pytest.raises(Malformed) as raised:
        parse(builders.case_text(signature=signature))
    assert said in str(raised.value)


def test_a_signature_up_to_its_bounds_is_good() -> None:
    names = [f"test_{n}*" for n in range(30)]
    signature = {"names": names, "proves": [SIGN] * 30, "contradicts": [SIGN] * 30, "supports": [SIGN] * 30}
    text = parse(builders.case_text(signature=signature))
    assert isinstance(text, CaseText) and len(text.signature.names) == 30
