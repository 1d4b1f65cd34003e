"""A text of steps, taken apart: what stands before them, each with its head and what its commands do, what comes after.

A step's head is its first sentence. So the whole way is seen at once, and each step opens to its commands and reasons.
Nothing is left out and nothing changes its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

from catalog.documents import commands
from catalog.documents.text_cache import Remembering
from catalog.text import markdown
from diagnosis.words.vocabulary import COMMANDS, Word

LONG = 1_200  # characters; a shorter text is shown as it is written
REMEMBERED = 1_000_000  # characters of texts
HEAD = 150  # characters, from which on a first paragraph is cut after its first sentence
_END = re.compile(r"(?<=[.:?!])\s+(?=[A-Z`(*])")
_MARKER = re.compile(r" {0,3}(?:\d{1,9}[.)]|[-*+])[ \t]+")


@dataclass(frozen=True)
class Step:
    head: str
    body: str
    does: tuple[Word, ...]
    """What its commands do, the mildest first."""


@dataclass(frozen=True)
class Steps:
    before: str
    steps: tuple[Step, ...]
    after: Step | None


def _steps(text: str) -> Steps | None:
    if len(text) < LONG:
        return None
    blocks = markdown.blocks(text)
    place = next((n for n, (kind, _) in enumerate(blocks) if kind == "ordered_list"), None)
    if place is None:
        return None
    before = "\n\n".join(block for _, block in blocks[:place])
    after = "\n\n".join(block for _, block in blocks[place + 1 :])
    return Steps(before, tuple(map(_step, _items(blocks[place][1]))), _step(after) if after else None)


steps = Remembering(_steps, REMEMBERED)
"""None for a text that is short, or is no list of steps. The same text is taken apart once."""


def _items(text: str) -> list[str]:
    """The items of a list, each as a text of its own."""
    lines = text.split("\n")
    tokens = [t for t in MarkdownIt("commonmark").parse(text) if t.type == "list_item_open" and t.level == 1 and t.map]
    made = []
    for token in tokens:
        first, *rest = lines[slice(*token.map)] if token.map else [""]
        marker = _MARKER.match(first)
        width = marker.end() if marker else 0
        made.append("\n".join([first[width:], *(_less(line, width) for line in rest)]).strip("\n"))
    return made


def _less(line: str, width: int) -> str:
    """A line without that many of the spaces that it begins with."""
    return line[min(width, len(line) - len(line.lstrip(" "))) :]


def _step(text: str) -> Step:
    head, body = split_head(text)
    return Step(head, body, _does(body))


def _does(text: str) -> tuple[Word, ...]:
    tokens = MarkdownIt("commonmark").parse(text)
    found = {commands.does(token.info, token.content) for token in tokens if token.type == "fence"}
    return tuple(word for slug, word in COMMANDS.items() if slug in found)


def split_head(text: str) -> tuple[str, str]:
    """The first sentence of a text, or its first paragraph where that is short, and the rest."""
    paragraph, _, rest = text.partition("\n\n")
    if len(paragraph) <= HEAD:
        return paragraph, rest
    first, more = sentences(paragraph, 1)
    return first, f"{more}\n\n{rest}".strip("\n") if rest else more


def sentences(paragraph: str, number: int, most: int = 10_000) -> tuple[str, str]:
    """The first sentences of a paragraph, as many as fit into `most` characters, but one at the least; and the rest.

    It is never cut within code, emphasis or a link.
    """
    ends = [found for found in _END.finditer(paragraph) if _is_whole(paragraph[: found.start()])]
    fitting = [end for end in ends[:number] if end.start() <= most] or ends[:1]
    if len(ends) < number and (not ends or len(paragraph) <= most):
        return paragraph, ""
    return paragraph[: fitting[-1].start()], paragraph[fitting[-1].end() :]


def _is_whole(text: str) -> bool:
    return text.count("`") % 2 == 0 and text.count("**") % 2 == 0 and text.count("[") == text.count("]")
