"""What changed between two texts, line by line. Pure; for pages and for merging."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from catalog.documents import elide

# Matching takes time with the product of how often items repeat on both sides, again for each block that is found:
# 600 equal lines between as many unlike ones took 7 s. Past this many pairs, all that lies between the first and the
# last difference counts as replaced. The largest file of the catalog has 1,700 pairs with itself.
MAX_PAIRS = 50_000
CONTEXT = 3
WORD = re.compile(r"\S+\s*|\s+")
COMPARED_CHARACTERS = 1_000
COMPARED_LINES = 50

Block = tuple[str, int, int, int, int]


def blocks(before: list[str], after: list[str]) -> list[Block]:
    """As `SequenceMatcher.get_opcodes`: (tag, i1, i2, j1, j2) with tag equal, replace, delete or insert."""
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    left, right = before[start : len(before) - end], after[start : len(after) - end]
    made: list[Block] = [("equal", 0, start, 0, start)] if start else []
    made += [(tag, a + start, b + start, c + start, d + start) for tag, a, b, c, d in _between(left, right)]
    if end:
        made.append(("equal", len(before) - end, len(before), len(after) - end, len(after)))
    return made


def _common(one: list[str], other: list[str]) -> int:
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return number
    return min(len(one), len(other))


def _between(left: list[str], right: list[str]) -> list[Block]:
    if not left and not right:
        return []
    times: dict[str, int] = {}
    for line in right:
        times[line] = times.get(line, 0) + 1
    if sum(times.get(line, 0) for line in left) > MAX_PAIRS:
        return [("replace", 0, len(left), 0, len(right))]
    return [tuple(found) for found in SequenceMatcher(None, left, right, autojunk=False).get_opcodes()]  # type: ignore[misc]


@dataclass(frozen=True)
class Span:
    text: str
    changed: bool


@dataclass(frozen=True)
class DiffLine:
    """One line of a diff: `sign` is '+', '-' or ' '; numbers count from 1, None where the side lacks the line."""

    sign: str
    before: int | None
    after: int | None
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Hunk:
    """Lines that stand together. `skipped` counts the equal lines that were left out before them."""

    skipped: int
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True)
class Diff:
    hunks: tuple[Hunk, ...]
    added: int
    removed: int
    skipped: int
    """Equal lines left out after the last hunk."""


def diff(before: str, after: str, context: int = CONTEXT) -> Diff:
    """The differences between two texts, with `context` equal lines around each."""
    left, right = before.split("\n"), after.split("\n")
    lines: list[DiffLine] = []
    for tag, a, b, c, d in blocks(left, right):
        if tag == "equal":
            lines += [DiffLine(" ", a + n + 1, c + n + 1, (Span(left[a + n], False),)) for n in range(b - a)]
        else:
            lines += _changed(left, right, a, b, c, d)
    hunks, skipped = _hunks(lines, context)
    added, removed = (sum(line.sign == sign for line in lines) for sign in "+-")
    return Diff(hunks, added, removed, skipped)


def _changed(left: list[str], right: list[str], a: int, b: int, c: int, d: int) -> Iterator[DiffLine]:
    """Lines taken out, then lines put in; where there are as many of both, with the words that differ."""
    alike = b - a == d - c <= COMPARED_LINES
    pairs = [_words(old, new) for old, new in zip(left[a:b], right[c:d], strict=True)] if alike else []
    for n, line in enumerate(left[a:b]):
        yield DiffLine("-", a + n + 1, None, pairs[n][0] if pairs else (Span(line, False),))
    for n, line in enumerate(right[c:d]):
        yield DiffLine("+", None, c + n + 1, pairs[n][1] if pairs else (Span(line, False),))


def _words(old: str, new: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    if len(old) + len(new) > COMPARED_CHARACTERS:
        return (Span(old, False),), (Span(new, False),)
    left, right = WORD.findall(old), WORD.findall(new)
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    if matcher.ratio() < 0.4:  # marks all over two lines that have little in common would only disturb
        return (Span(old, False),), (Span(new, False),)
    olds, news = [], []
    for tag, a, b, c, d in matcher.get_opcodes():
        olds.append(Span("".join(left[a:b]), tag != "equal"))
        news.append(Span("".join(right[c:d]), tag != "equal"))
    return tuple(span for span in olds if span.text), tuple(span for span in news if span.text)


def _hunks(lines: list[DiffLine], context: int) -> tuple[tuple[Hunk, ...], int]:
    changed = [number for number, line in enumerate(lines) if line.sign != " "]
    wanted = {n for number in changed for n in range(number - context, number + context + 1)}
    near = set(elide.lines_to_show(wanted, range(len(lines))))
    hunks: list[Hunk] = []
    together: list[DiffLine] = []
    skipped = 0
    for number, line in enumerate(lines):
        if number in near:
            together.append(line)
            continue
        if together:
            hunks.append(Hunk(skipped, tuple(together)))
            together, skipped = [], 0
        skipped += 1
    if together:
        return (*hunks, Hunk(skipped, tuple(together))), 0
    return tuple(hunks), skipped
