"""Styles and what they are for: no class without a rule, no rule without a class, and each stylesheet is one part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.measured.overview import GLYPHS
from catalog.pages.listing import case_list
from diagnosis.words import vocabulary
from reports.models import State

ROOT = Path(__file__).resolve().parent.parent
STYLES = sorted((ROOT / "static" / "css").glob("*.css"))
TEMPLATES = [path for kind in ("*.html", "*.svg") for path in sorted((ROOT / "templates").rglob(kind))]
CODE = [
    *(path for app in ("catalog", "reports", "discussion", "people", "config") for path in (ROOT / app).rglob("*.py")),
    *(ROOT / "static" / "js").glob("*.js"),
]
# Words of the data that templates write as classes, as in class="state {{ case.status }}".
WORDS = {
    *(*vocabulary.STATUSES, *vocabulary.CLAIM_STANDINGS, *vocabulary.COMMANDS, *State.values, *GLYPHS),
    *(*case_list.LOOKS, "unknown", "success", "caution", "danger"),
}
# Of libraries: Pygments' tokens and Django's forms.
THEIRS = set(re.findall(r"\w+", "gd gi gh gu c c1 cm go k kt kd gp nt s s1 s2 sd errorlist nonfield"))
# Written by `trailer.html` from what a mail says: Acked-by, Nacked-by …
TRAILERS = {"nacked-by"}
# Where something on the page begins, for whoever reads the template.
NAMES = {"opening"}
MOST_LINES = 280
MOST_CHARACTERS = 160  # of a template's line: more is read by nobody, and a diff of it shows nothing


def styled() -> set[str]:
    made = set()
    for path in STYLES:
        rules = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        for selector in re.findall(r"([^{};]+)\{", rules):
            if "@" not in selector:
                made |= set(re.findall(r"\.([a-zA-Z][\w-]*)", selector))
    return made


def values(text: str) -> list[str]:
    """What stands in class="…", template tags and all."""
    text = re.sub(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", "", text, flags=re.DOTALL)
    return re.findall(r'\bclass="((?:\{[{%].*?[%}]\}|[^"{])*)"', text)


def classes(text: str) -> Iterator[str]:
    """The classes, whichever way the template's conditions go; not those that come from the data."""
    for value in values(text):
        yield from re.sub(r"[\w-]*\{\{.*?\}\}[\w-]*", " ", re.sub(r"\{%.*?%\}", " ", value)).split()


def beginnings(text: str) -> tuple[str, ...]:
    """Of classes that a template begins and the data ends: class="depth-{{ depth }}"."""
    return tuple(begun for value in values(text) for begun in re.findall(r"([\w-]+-)\{\{", value))


def test_a_template_has_lines_that_one_can_read() -> None:
    pages = (path for path in TEMPLATES if path.suffix == ".html")
    lines = ((path, n, line) for path in pages for n, line in enumerate(path.read_text().splitlines(), 1))
    assert [f"{path.relative_to(ROOT)}:{n}" for path, n, line in lines if len(line) > MOST_CHARACTERS] == []


def test_every_class_that_a_template_writes_has_a_rule() -> None:
    known = styled() | WORDS | NAMES
    missing = [f"{path.name}: {name}" for path in TEMPLATES for name in classes(path.read_text()) if name not in known]
    assert sorted(set(missing)) == []


def test_every_rule_is_for_a_class_that_something_writes() -> None:
    templates = "\n".join(path.read_text() for path in TEMPLATES)
    code = "\n".join(path.read_text() for path in CODE)
    used = set(classes(templates)) | WORDS | THEIRS | TRAILERS
    left = [name for name in sorted(styled() - used) if not name.startswith(beginnings(templates))]
    assert [name for name in left if not re.search(rf"[\"' ]{re.escape(name)}[\"' ]", code)] == []


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_a_stylesheet_is_one_part_and_some_page_asks_for_it(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert text.startswith("/* "), "what it is; anything else there takes the first rule along"
    assert any(f'"css/{path.name}"' in template.read_text() for template in TEMPLATES)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_nothing_that_keeps_its_white_space_is_indented(path: Path) -> None:
    """What a form sends would begin with the template's indentation, and YAML would be another text."""
    kept = re.findall(r"(?s)<(textarea|pre)\b(.*?)</\1>", path.read_text())
    assert [inside for _, inside in kept if re.search(r"\n[ \t]+(\{|&lt;|\[)", inside)] == []


def test_the_checks_see_what_they_look_for() -> None:
    text = '<p class="row{% if a == "b" %} odd{% endif %} served-{{ slug }} {{ state }}">{# class="no" #}'
    assert list(classes(text)) == ["row", "odd"]
    assert beginnings(text) == ("served-",)
    assert {"table", "notice"} <= styled()
