"""The text of a diagnosis with what was read in it marked: only the lines that matter, and a few around them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from catalog.documents import elide
from diagnosis.answers.explained import explained
from diagnosis.rules.verdict import Diagnosis
from diagnosis.text.record import Place

AROUND = 1
MAX_LINES = 400
MAX_WIDTH = 2_000


@dataclass(frozen=True)
class Piece:
    """A stretch of a line. `tip`: what it means, '' for plain text. `is_reason`: a verdict rests on it."""

    text: str
    tip: str = ""
    is_reason: bool = False


@dataclass(frozen=True)
class ShownLine:
    number: int
    pieces: tuple[Piece, ...]
    is_reason: bool


@dataclass(frozen=True)
class Gap:
    """Lines that say nothing here, or that are more than is shown."""

    nr_lines: int


@dataclass(frozen=True)
class _Span:
    start: int
    end: int
    tip: str
    is_reason: bool


def marked(diagnosis: Diagnosis) -> list[ShownLine | Gap]:
    """The lines that any record or reason speaks of, at most MAX_LINES, with gaps between where that saves room."""
    spans = _spans(diagnosis)
    lines = diagnosis.text.rstrip("\n").split("\n")
    near = (n for at in spans for n in range(at - AROUND, at + AROUND + 1))
    wanted = elide.lines_to_show(near, range(1, len(lines) + 1))
    made: list[ShownLine | Gap] = []
    last = 0
    for number in wanted[:MAX_LINES]:
        if number > last + 1:
            made.append(Gap(number - last - 1))
        own = spans.get(number, [])
        made.append(ShownLine(number, _pieces(lines[number - 1], own), any(span.is_reason for span in own)))
        last = number
    if wanted and last < len(lines):
        made.append(Gap(len(lines) - last))
    return made


def _spans(diagnosis: Diagnosis) -> dict[int, list[_Span]]:
    found: defaultdict[int, list[_Span]] = defaultdict(list)

    def add(place: Place, tip: str, is_reason: bool) -> None:
        start = place.column - 1
        found[place.line].append(_Span(start, start + place.length, tip, is_reason))

    for finding in diagnosis.findings:
        verdict = finding.verdict
        for reason in verdict.reasons:
            for place in reason.places:
                add(place, "", True)
    for record in diagnosis.records:
        for value in record.values:
            add(value.place, explained(record, value), False)
        for frame in record.frames + record.owner:
            add(frame.place, "", False)
    return found


def _pieces(line: str, spans: list[_Span]) -> tuple[Piece, ...]:
    """The line cut where a span begins or ends; each piece with the tip of the shortest span that has one."""
    line = line[:MAX_WIDTH]
    cuts = sorted({0, len(line), *(min(max(x, 0), len(line)) for span in spans for x in (span.start, span.end))})
    pieces = []
    for start, end in pairwise(cuts):
        over = sorted((s for s in spans if s.start <= start and end <= s.end), key=lambda s: s.end - s.start)
        tip = next((span.tip for span in over if span.tip), "")
        pieces.append(Piece(line[start:end], tip, any(span.is_reason for span in over)))
    return _joined(pieces)


def _joined(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Neighbours that say the same are one."""
    made: list[Piece] = []
    for piece in pieces:
        last = made[-1] if made else None
        if last and (last.tip, last.is_reason) == (piece.tip, piece.is_reason):
            made[-1] = Piece(last.text + piece.text, piece.tip, piece.is_reason)
        else:
            made.append(piece)
    return tuple(made)
