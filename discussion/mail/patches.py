"""What a letter says beside its words: which patch it is, its trailers, and where it quotes. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby

TRAILERS = ("Acked-by", "Reviewed-by", "Tested-by", "Nacked-by")
# One way to match each character: with blanks counted on both sides of the name, a line of them took hours.
_TRAILER = re.compile(rf"(?im)^({'|'.join(TRAILERS)}):([^<\n]{{0,200}})<([^<>\s]{{3,250}})>")
_TAG = re.compile(r"\s*\[([^\]\n]{0,120})\]")
_NUMBER = re.compile(r"\b(\d{1,3})/(\d{1,3})\b")
_VERSION = re.compile(r"\bv(\d{1,3})\b", re.IGNORECASE)
# "Re:" as programs write it, some in their own language, some with a count, and one after another.
_ANSWER = re.compile(r"\A(?:(?:re|aw|sv|antw|回复|答复)(?:\[\d{1,3}\])?\s?[:\uff1a]\s?)+", re.IGNORECASE)
KEPT_OF_A_QUOTE = 4  # lines of a long quote that stay in sight, next to what answers them
LONG_QUOTE = 8
MOST_BLOCKS = 300  # a letter of 100,000 lines, of which every second is a quote, was a page of 4 MB


@dataclass(frozen=True)
class Patch:
    """`number` 0 is the letter in front of a series; a patch without number is 1 of 1."""

    version: int
    number: int
    total: int


def patch_of(subject: str) -> Patch | None:
    """From a subject such as `[RFC PATCH v3 2/5] mm: …`; an answer (Re:) is none."""
    tags = []
    rest = subject
    while found := _TAG.match(rest):
        tags.append(found[1])
        rest = rest[found.end() :]
    marks = " ".join(tags)
    if not re.search(r"\bPATCH", marks, re.IGNORECASE):
        return None
    version, number = _VERSION.search(marks), _NUMBER.search(marks)
    patch = Patch(int(version[1]) if version else 1, int(number[1]) if number else 1, int(number[2]) if number else 1)
    return patch if patch.number <= patch.total and patch.version >= 1 else None


def topic(subject: str) -> str:
    """What is the same in a subject and in those of its answers."""
    return _ANSWER.sub("", " ".join(subject.split())).strip().lower()


@dataclass(frozen=True)
class Given:
    """One trailer line, by whom it says that it is."""

    kind: str
    name: str
    address: str


def trailers(text: str) -> list[Given]:
    """The trailers that stand at the beginning of a line: what is quoted was given elsewhere. Each once."""
    kinds = {kind.lower(): kind for kind in TRAILERS}
    found = (
        Given(kinds[kind.lower()], " ".join(name.split()), address) for kind, name, address in _TRAILER.findall(text)
    )
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Block:
    """A piece of a letter: words, quote, diff or signature. `folded` lines come first, out of sight."""

    kind: str
    text: str
    folded: str = ""
    nr_folded: int = 0


def blocks(text: str) -> list[Block]:
    """A letter's text, taken apart in order; put together again it is the same text. The last holds what is left."""
    lines = text.split("\n")
    diff = next((n for n, line in enumerate(lines) if line.startswith(("diff --git ", "Index: "))), len(lines))
    sign = next((n for n in range(len(lines) - 1, -1, -1) if lines[n].rstrip("\r") == "-- "), len(lines))
    sign = max(sign, 0) if len(lines) - sign <= 15 else len(lines)
    diff = min(diff, sign)
    made: list[Block] = []
    at = 0
    for is_quote, group in groupby(lines[:diff], key=lambda line: line.startswith(">")):
        held = list(group) if len(made) < MOST_BLOCKS - 1 else lines[at:diff]
        at += len(held)
        if len(made) == MOST_BLOCKS - 1:
            made.append(Block("words", "\n".join(held).strip("\n")))
            break
        if is_quote:
            made.append(_quote(held))
        elif any(held):
            made.append(Block("words", "\n".join(held).strip("\n")))
    if diff < sign:
        made.append(Block("diff", "\n".join(lines[diff:sign]).rstrip("\n")))
    if sign < len(lines) and any(line.strip() for line in lines[sign + 1 :]):
        made.append(Block("signature", "\n".join(lines[sign:]).rstrip("\n")))
    return made


def _quote(lines: list[str]) -> Block:
    if len(lines) <= LONG_QUOTE:
        return Block("quote", "\n".join(lines))
    hidden, shown = lines[:-KEPT_OF_A_QUOTE], lines[-KEPT_OF_A_QUOTE:]
    return Block("quote", "\n".join(shown), "\n".join(hidden), len(hidden))
