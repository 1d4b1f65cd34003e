"""Text to case or strategy, and back. Pure: no database, no settings, no clock.

A document is a Markdown file. Its head, between two lines of `---`, is YAML in which every scalar is
text (so `no` and `1.10` stay what they are); its body is a summary, then sections with fixed names.

    Malformed         the text is not a document; `.problems` says line, field and what was expected
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from catalog.documents import messages
from catalog.documents.schema import CaseText, DocumentText, StrategyText
from catalog.documents.text_cache import Remembering

MAX_CHARACTERS = 200_000
REMEMBERED_CHARACTERS = 4_000_000  # some 600 cases of the usual length
MAX_DEPTH = 20
FENCE = "---"
NOW_SECTION = "What to do now"
CASE_SECTIONS = ("What holds it", "How to tell", NOW_SECTION, "Reproduce it", "Open question")
STRATEGY_SECTIONS = ("What it changes", "Trade-offs", "Open question")


@dataclass(frozen=True)
class Problem:
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"line {self.line}"
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"

    def at(self, path: object) -> str:
        """As compilers say it, so that editors jump there: file:line: field: message."""
        return (
            f"{path}:{self.line}: {self.field}: {self.message}" if self.field else f"{path}:{self.line}: {self.message}"
        )


class Malformed(Exception):
    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(str(problem) for problem in problems))


def readable(text: str) -> DocumentText | None:
    """What a stored text says; None where this release cannot read it: a later one, that runs beside it for a while,
    has words and fields of its own. Whoever reads many texts goes on without that one."""
    try:
        return parse(text)
    except Malformed:
        return None


def _parsed(text: str) -> DocumentText:
    if len(text) > MAX_CHARACTERS:
        raise Malformed([Problem(1, "", f"expected up to {MAX_CHARACTERS} characters, found {len(text)}")])
    if "\x00" in text:
        raise Malformed([Problem(text[: text.index("\x00")].count("\n") + 1, "", "a NUL character")])
    if strange := re.search("[\ud800-\udfff]", text):
        raise Malformed([Problem(text[: strange.start()].count("\n") + 1, "", "a lone surrogate")])
    head, body, body_line = head_and_body(text)
    values, lines = _read_head(head)
    model: type[CaseText] | type[StrategyText]
    known: tuple[str, ...]
    if "case" in values:
        model, known = CaseText, CASE_SECTIONS
    elif "strategy" in values:
        model, known = StrategyText, STRATEGY_SECTIONS
    else:
        raise Malformed([Problem(2, "", "expected a field `case:` or `strategy:` with its slug")])
    summary, sections, problems = _read_body(body, body_line, known)
    for name in ("summary", "sections"):
        if name in values:
            problems.append(Problem(lines[(name,)], name, "no such field: it stands in the body"))
        lines[(name,)] = body_line
    try:
        document = model.model_validate({**values, "summary": summary, "sections": sections})
    except ValidationError as error:
        problems += [_problem(fault, lines, model) for fault in error.errors()]
        raise Malformed(sorted(problems, key=lambda problem: problem.line)) from None
    problems += _duplicates(document, lines)
    if problems:
        raise Malformed(sorted(problems, key=lambda problem: problem.line))
    return document


parse: Remembering[DocumentText] = Remembering(_parsed, REMEMBERED_CHARACTERS)
"""The case or strategy that a text says. Raises `Malformed` with every problem and its line."""


def write(document: DocumentText) -> str:
    """A text that `parse` reads back as `document`, in the order in which a person would write it."""
    head = document.model_dump(exclude_none=True, exclude_defaults=True, exclude={"summary", "sections"}, mode="json")
    first = "case" if isinstance(document, CaseText) else "strategy"
    head = {first: head.pop(first), **head}
    parts = [FENCE, dump(head).rstrip("\n"), FENCE, "", document.summary.strip()]
    for name, text in document.sections.items():
        parts += ["", f"## {name}", "", text.strip()]
    return "\n".join(parts) + "\n"


def dump(fields: Any) -> str:
    """Fields of a head, as lines of YAML that a person would write."""
    made: str = yaml.dump(fields, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return made


class _Dumper(yaml.SafeDumper):
    """Quotes text with Unicode's own line breaks, which would come back as spaces."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = '"' if re.search("[\x85\u2028\u2029\ufeff]", text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)


def head_and_body(text: str) -> tuple[str, str, int]:
    """The YAML between the fences, what comes after them, and the line of the file on which that begins."""
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        raise Malformed([Problem(1, "", f"expected the head to begin with a line of {FENCE}")])
    for number, line in enumerate(lines[1:], start=2):
        if line.rstrip() == FENCE:
            return "\n".join(lines[1 : number - 1]), "\n".join(lines[number:]), number + 1
    raise Malformed([Problem(len(lines), "", f"expected the head to end with a line of {FENCE}")])


Lines = dict[tuple[str | int, ...], int]


def _read_head(head: str) -> tuple[dict[str, Any], Lines]:
    """The head's values, every scalar as text, and the line at which each of them stands."""
    loader = yaml.CBaseLoader if hasattr(yaml, "CBaseLoader") else yaml.BaseLoader
    depth = 0
    try:
        for event in yaml.parse(head, Loader=loader):
            line = event.start_mark.line + 2 if event.start_mark else 2
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:  # composing it would recurse, in C: deep enough, the process dies
                raise Malformed([Problem(line, "", f"nesting of more than {MAX_DEPTH} levels")])
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise Malformed([Problem(line, "", "anchors and aliases are not allowed")])
        node = yaml.compose(head, Loader=loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 2
        raise Malformed([Problem(line, "", f"not YAML: {error.problem}")]) from None
    except yaml.YAMLError as error:
        raise Malformed([Problem(2, "", f"not YAML: {str(error)[:200]}")]) from None
    if not isinstance(node, yaml.MappingNode):
        raise Malformed([Problem(2, "", "expected fields such as `case: its-slug`")])
    lines: Lines = {}
    return _values(node, (), lines), lines


def _values(node: yaml.Node, path: tuple[str | int, ...], lines: Lines) -> Any:
    lines[path] = node.start_mark.line + 2
    if isinstance(node, yaml.MappingNode):
        made: dict[str, Any] = {}
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise Malformed([Problem(key.start_mark.line + 2, "", "expected a plain field name")])
            if key.value in made:
                raise Malformed([Problem(key.start_mark.line + 2, key.value, "stands here a second time")])
            made[key.value] = _values(item, (*path, key.value), lines)
            lines[(*path, key.value)] = key.start_mark.line + 2
        return made
    if isinstance(node, yaml.SequenceNode):
        return [_values(item, (*path, index), lines) for index, item in enumerate(node.value)]
    return node.value


def _read_body(body: str, first: int, known: tuple[str, ...]) -> tuple[str, dict[str, str], list[Problem]]:
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    summary, problems = current, []
    for number, (line, is_prose) in enumerate(marked_lines(body), start=first):
        if not is_prose or not line.startswith("## "):
            current.append(line)
            continue
        name = line[3:].strip()
        if name not in known:
            problems.append(Problem(number, "", f"expected a section named one of {', '.join(known)}, found {name!r}"))
        if name in sections:
            problems.append(Problem(number, name, "this section stands here a second time"))
        current = sections[name] = []
    return "\n".join(summary).strip(), {n: "\n".join(t).strip() for n, t in sections.items()}, problems


def marked_lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is prose: not within fenced code, as CommonMark sees it."""
    fence = ""
    for line in text.split("\n"):
        found = re.match(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)", line)
        if fence:
            if found and found[1].startswith(fence) and not found[2].strip():
                fence = ""
            yield line, False
        else:
            fence = found[1] if found else ""
            yield line, not fence


def _problem(fault: Any, lines: Lines, model: type[CaseText] | type[StrategyText]) -> Problem:
    path = tuple(fault["loc"])
    place = path
    while place and place not in lines:
        place = place[:-1]
    field = ".".join(str(part) for part in path)
    return Problem(lines.get(place, 2), field, messages.message(fault, model))


def _duplicates(document: DocumentText, lines: Lines) -> list[Problem]:
    """Duplicates among names of a case, ids of claims and objections, and cases that a strategy serves."""
    named: list[tuple[str, str, list[str]]] = []
    if isinstance(document, CaseText):
        named.append(("claims", "id", [claim.id for claim in document.claims]))
        named.append(("aliases", "", list(document.aliases)))
    else:
        named.append(("cases", "case", [served.case for served in document.cases]))
        named.append(("objections", "id", [objection.id for objection in document.objections]))
    problems = []
    if isinstance(document, CaseText) and document.case in document.aliases:
        place = ("aliases", document.aliases.index(document.case))
        problems.append(Problem(lines.get(place, 2), "aliases", f"{document.case} is the case's own name"))
    for field, key, values in named:
        for index, value in enumerate(values):
            if value in values[:index]:
                where = (field, index, key) if key else (field, index)
                problems.append(Problem(lines.get(where, 2), field, f"{value} stands here a second time"))
    return problems
