"""A pasted text to the lines that may matter, cleaned, each remembering where every character stood."""

from __future__ import annotations

import re
from typing import Iterable, Iterator, List, Optional, Tuple

from diagnosis.text.joined_lines import continues, joined
from diagnosis.text.lines import Line
from diagnosis.text.needles import relevant
from diagnosis.text.unwrap import Dress, Piece, cut, dress, is_beside, peeled, pieces

MAX_RELEVANT = 60_000


def read(text: str) -> List[Line]:
    """The lines that may matter, in order, joined where a mailer wrapped them."""
    made: List[Line] = []
    worn = dress(text)
    nr_beside, last = 0, 0
    is_numbered = _is_numbered(text)
    raw = relevant(text) if worn.is_plain else _without_gaps(text)
    for piece in _of_a_list(raw, worn) if worn.is_records and text.lstrip()[:2] == "[{" else pieces(raw, worn):
        if len(made) >= MAX_RELEVANT:
            break
        if worn.is_records and is_beside(piece):
            nr_beside += 1
            continue
        line = _line(_without_number(piece) if is_numbered else piece, nr_beside)
        if made and line.number <= last + 1 and continues(made[-1], line):
            made[-1] = joined(made[-1], line)
        elif line.text:
            made.append(line)
        last = line.number if line.text else last
    return made


def undressed(text: str, most: int) -> Iterator[Piece]:
    """Every line without colours, mark-up and what wraps it as a record, however little it says here; up to `most`
    characters of each."""
    worn = dress(text)
    if worn.is_records and text.lstrip()[:2] == "[{":
        yield from _of_a_list(enumerate(text.split("\n"), 1), worn)
    else:
        yield from pieces(((number, line[:most]) for number, line in enumerate(text.split("\n"), 1)), worn)


def _without_gaps(text: str) -> Iterator[Tuple[int, str]]:
    """Every line with its number; of empty ones in a row the first alone. A megabyte of them would cost as
    much as a megabyte of a log, line by line."""
    was_empty = False
    for number, raw in enumerate(text.split("\n"), 1):
        if raw or not was_empty:
            yield number, raw
        was_empty = not raw


_ONE_OF_A_LIST = re.compile(r'\{(?:[^{}"]|"(?:[^"\\]|\\.){0,8000}"){0,40}\}')


def _of_a_list(raw: Iterable[Tuple[int, str]], worn: Dress) -> Iterator[Piece]:
    """The messages of a JSON list that stands in one line, as LAVA hands out its logs; each where it stands."""
    for number, line in raw:
        entries = list(_ONE_OF_A_LIST.finditer(line)) if line.count('"msg"') > 1 else []
        for found in entries:
            for piece in pieces([(number, found[0])], worn):
                spans = tuple((index, at, column + found.start()) for index, at, column in piece.spans)
                yield Piece(piece.text, piece.number, spans)
        if not entries:
            yield from pieces([(number, line)], worn)


_NUMBER = re.compile(r"\s{0,8}(\d{1,6})(?:[.:)|]\s{0,3}|\t|\s{1,3})")
MAX_LOOKED_AT = 24


def _is_numbered(text: str) -> bool:
    """Does every line begin with a number that is one more than that of the line above: `cat -n`, a paste site?"""
    last: Optional[int] = None
    nr_lines = 0
    for line in text[:8_192].split("\n", MAX_LOOKED_AT)[:MAX_LOOKED_AT]:
        found = _NUMBER.match(line)
        if found is None:
            if line.strip():
                return False
            continue
        if last is not None and int(found[1]) != last + 1:
            return False
        last, nr_lines = int(found[1]), nr_lines + 1
    return nr_lines >= 3


def _without_number(piece: Piece) -> Piece:
    found = _NUMBER.match(piece.text)
    return cut(piece, found.end(), len(piece.text)) if found else piece


# Behind these a name with an offset is no frame: the word before the name belongs to the message.
_SAYS_WHAT = re.compile(r"(?:RIP|EIP|pc|lr|NIP|LR|epc|WARNING|BUG|Workqueue)(?: ?:|[ \[]).{0,100}$")


def _line(piece: Piece, nr_beside: int) -> Line:
    """The message without what a logger put before it. `RIP: 0010:f+0x1/0x2` keeps its `RIP:`, which was peeled off."""
    rest, source, stamp = peeled(piece)
    if "+0x" in rest.text and len(rest.text) < len(piece.text):
        nr_peeled = len(piece.text) - len(rest.text)
        subject = _SAYS_WHAT.search(piece.text, max(nr_peeled - 120, 0), nr_peeled)
        rest = cut(piece, subject.start(), len(piece.text)) if subject else rest
    message = rest.text.lstrip()
    rest = cut(rest, len(rest.text) - len(message), len(rest.text))
    return Line(rest.text.rstrip(), rest.number - nr_beside, rest.spans, source, stamp)
