"""What stands around a kernel message is taken off: quoting, mark-up, colours, stamps, names, levels.

A `Piece` is a stretch of the original with its way back to it. Every cut keeps that way.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Callable, Iterable, Iterator, List, Match, Pattern, Tuple

MAX_PIECE = 8_192
Spans = Tuple[Tuple[int, int, int], ...]


@dataclass(frozen=True)
class Piece:
    text: str
    number: int
    spans: Spans


_TAG = re.compile(
    r"</?(?:br|span|pre|div|p|code|td|tr|a|b|i|font|li|tt|em|strong|mark)(?:\s[^<>]{0,300})?/?>", re.IGNORECASE
)
_BREAK = re.compile(r"(?:<br ?/?>|</(?:div|p|li|tr)>)", re.IGNORECASE)
_MARKS = ("&lt;", "&gt;", "&quot;", "&amp;", "&#", "&nbsp;", "<br", "<BR", "<span", "<pre", "<PRE", "<div", "</")
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[a-zA-Z]{2,6});")
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,12}[A-Za-z]|\x1b\([AB]|\x0f")
_HEX = re.compile(r"=([0-9A-F]{2})")
_QUOTE = re.compile(r"(?:\s{0,3}[>|]){1,20} ?")
# A second stamp inside a line: two CPUs wrote to one console.
_INNER = re.compile(r"(?=(?<!^)(?<![>:] )\[ {0,6}\d{1,7}\.\d{6}\](?:\[ {0,6}[TC]\d+\])? )")
_STAMP = r"\[[ 0-9]{0,9}\.\d{3,9}(?: ?[<+, ][^\]]{0,20})?\]|\[ {0,8}[<+] {0,8}\d{1,9}\.\d{6}>?\]|" + (
    r"\[(?:\w{3} )?\w{3} ?\d{1,2} \d\d:\d\d(?::\d\d(?: \d{4})?)?\]|"
    r"(?:\w{3} )?\w{3} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: \d{4})?|"
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]{0,10}(?:Z|[+-]\d\d:?\d\d)?|"
    r"\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {1,8}\d{1,8} {1,8}\d{1,8} [VDIWEF] {1,12}:|\d{6,10}\.\d{6,9}:"
)
_PREFIX = re.compile(
    r"\s{0,8}(?:(?P<stamp>"
    + _STAMP
    + r")|(?P<source>\[ {0,8}[TC]\d{1,8}\]|\[\d{1,3}: {0,20}[^\]]{1,40}: {0,8}\d{1,8}\]|"
    r"c\d{1,3} {1,8}\d{1,8}(?: \([^)]{1,32}\))?)|<\d{1,3}>|(?:kern|user|daemon|syslog) {0,3}:\w{3,6} {0,3}: ?|"
    r"(?:[\w.-]{1,80} )?kernel(?:\[\d{1,8}\])?:|(?:W|E|I|D) (?=\[))"
)


@dataclass(frozen=True)
class Dress:
    """What a text is wrapped in. Where it is, words may be broken anywhere, so every line has to be looked at."""

    is_html: bool
    is_quoted_printable: bool
    is_coloured: bool

    @property
    def is_plain(self) -> bool:
        return not (self.is_html or self.is_quoted_printable or self.is_coloured)


def dress(whole: str) -> Dress:
    has_marks = any(mark in whole for mark in _MARKS)
    return Dress(
        has_marks, "=\n" in whole and ("=3D" in whole or "=20" in whole or "=\n" in whole[60:]), "\x1b" in whole
    )


def pieces(raw: Iterable[Tuple[int, str]], worn: Dress) -> Iterator[Piece]:
    """The raw lines without colours and mark-up; cut where two messages share a line."""
    for piece in _unbroken(raw) if worn.is_quoted_printable else _plain(raw, worn.is_html):
        if worn.is_html:
            piece = replaced(replaced(piece, _TAG, lambda found: ""), _ENTITY, _character)
        if worn.is_coloured:
            piece = replaced(piece, _COLOUR, lambda found: "")
        yield from _apart(piece)


def peeled(piece: Piece) -> Tuple[Piece, str, str]:
    """(the message, which task or CPU wrote it, its stamp), the latter two '' where the line does not say."""
    text, at, source, stamp = piece.text, 0, "", ""
    quoted = _QUOTE.match(text)
    if quoted:
        at = quoted.end()
    for _ in range(8):
        found = _PREFIX.match(text, at)
        if found is None or found.end() == at:
            break
        source = found["source"] or source
        stamp = found["stamp"] or stamp
        at = found.end()
    if at and text[at : at + 1] == " ":
        at += 1
    return cut(piece, at, len(text)), source, stamp


def replaced(piece: Piece, regex: Pattern[str], by: Callable[[Match[str]], str]) -> Piece:
    """The piece with every match replaced, and the way back kept."""
    parts: List[str] = []
    spans: List[Tuple[int, int, int]] = []
    at = length = 0
    for found in regex.finditer(piece.text):
        part = cut(piece, at, found.start())
        spans += [(index + length, number, column) for index, number, column in part.spans]
        new = by(found)
        where = cut(piece, found.start(), found.end()).spans[0]
        parts += [part.text, new]
        length += len(part.text)
        spans.append((length, where[1], where[2]))
        length += len(new)
        at = found.end()
    if not parts:
        return piece
    rest = cut(piece, at, len(piece.text))
    spans += [(index + length, number, column) for index, number, column in rest.spans]
    return Piece("".join(parts) + rest.text, piece.number, tuple(spans))


def cut(piece: Piece, start: int, end: int) -> Piece:
    if start == 0 and end >= len(piece.text):
        return piece
    if len(piece.spans) == 1:
        index, number, column = piece.spans[0]
        return Piece(piece.text[start:end], number, ((0, number, column + start - index),))
    kept: List[Tuple[int, int, int]] = []
    for index, number, column in piece.spans:
        if index <= start:
            kept = [(0, number, column + start - index)]
        elif index < end:
            kept.append((index - start, number, column))
    return Piece(piece.text[start:end], kept[0][1], tuple(kept))


def _plain(raw: Iterable[Tuple[int, str]], is_html: bool) -> Iterator[Piece]:
    """A line of a page may be a whole log: it is cut where the page breaks it, before it is bounded."""
    for number, text in raw:
        at = 0
        for found in _BREAK.finditer(text) if is_html else ():
            yield Piece(text[at : found.start()][:MAX_PIECE], number, ((0, number, at + 1),))
            at = found.end()
        yield Piece(text[at : at + MAX_PIECE], number, ((0, number, at + 1),))


def _unbroken(raw: Iterable[Tuple[int, str]]) -> Iterator[Piece]:
    """Quoted-printable undone: `=` at the end of a line joins it with the next, `=3D` is one character."""
    parts: List[str] = []
    spans: List[Tuple[int, int, int]] = []
    length = 0
    for number, line in raw:
        is_soft = line.endswith("=")
        part = (line[:-1] if is_soft else line)[: max(MAX_PIECE - length, 0)]
        spans.append((length, number, 1))
        parts.append(part)
        length += len(part)
        if not is_soft:
            yield _unescaped(parts, spans)
            parts, spans, length = [], [], 0
    if parts:
        yield _unescaped(parts, spans)


def _unescaped(parts: List[str], spans: List[Tuple[int, int, int]]) -> Piece:
    return replaced(Piece("".join(parts), spans[0][1], tuple(spans)), _HEX, lambda found: chr(int(found[1], 16)))


def _apart(piece: Piece) -> Iterator[Piece]:
    if piece.text.count("[") < 2:
        yield piece
        return
    yield from _cut(piece, _INNER)


def _cut(piece: Piece, regex: Pattern[str]) -> List[Piece]:
    made, at = [], 0
    for found in regex.finditer(piece.text):
        if found.start() > at:
            made.append(cut(piece, at, found.start()))
            at = found.start()
    made.append(cut(piece, at, len(piece.text)))
    return made


def _character(found: Match[str]) -> str:
    made = html.unescape(found[0])
    return " " if made == "\xa0" else made
