"""What stands around a kernel message is taken off: quoting, mark-up, colours, stamps, names, levels.

A `Piece` is a stretch of the original with its way back to it. Every cut keeps that way.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Callable, Iterable, Iterator, List, Match, NamedTuple, Pattern, Tuple

MAX_PIECE = 8_192
Spans = Tuple[Tuple[int, int, int], ...]


class Piece(NamedTuple):
    text: str
    number: int
    spans: Spans


_TAG = re.compile(
    r"</?(?:br|span|pre|div|p|code|td|tr|a|b|i|font|li|tt|em|strong|mark)(?:\s[^<>]{0,300})?/?>", re.IGNORECASE
)
_BREAK = re.compile(r"(?:<br ?/?>|</(?:div|p|li|tr)>)", re.IGNORECASE)
_MARKS = (
    "&lt;",
    "&gt;",
    "&quot;",
    "&amp;",
    "&#",
    "&nbsp;",
    "<br",
    "<BR",
    "<span",
    "<pre",
    "<PRE",
    "<div",
    "<td",
    "<code",
)
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[a-zA-Z]{2,6});")
# The escape as it is, as less and cat show it, or lost by whoever copied it; then only what can be nothing else.
_COLOUR = re.compile(r"(?:\x1b|\^\[|ESC)(?:\[[0-?]{0,12}[ -/]{0,2}[@-~]|\([AB])|\x0f|\[\d{1,3}(?:;\d{1,3}){0,4}m")
_HEX = re.compile(r"=([0-9A-F]{2})")
_QUOTE = re.compile(r"(?:\s{0,3}[>|]){1,20} ?")
# A second stamp inside a line: two CPUs wrote to one console.
_INNER = re.compile(r"(?=(?<!^)(?<![>:] )\[ {0,6}\d{1,7}\.\d{6}\](?:\[ {0,6}[TC]\d+\])? )")
_STAMP = r"\[[ 0-9]{0,9}\.\d{3,9}(?: ?[<+, ][^\]]{0,20})?\]|\[ {0,8}[<+] {0,8}\d{1,9}\.\d{6}>?\]|" + (
    r"\[(?:\w{3} )?\w{3} {0,2}\d{1,2} \d\d:\d\d(?::\d\d(?: \d{4})?)?\]|"
    r"(?:\w{3} )?\w{3} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: \d{4})?|"
    r"(?:\w{3} )?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]{0,10}(?: ?(?:Z|[+-]\d\d:?\d\d)| [A-Z]{3,5}(?= ))?|"
    r"\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {1,8}\d{1,8} {1,8}\d{1,8} [VDIWEF] {1,12}:|"
    r"\[\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]{0,10}(?: ?(?:Z|[+-]\d\d:?\d\d))?\]|"
    r"\d{6,10}\.\d{6,9}:|\d{9,11}\.\d{6}(?= )|\d{1,3},\d{1,12},\d{1,16},[-c+](?:,[^;]{0,80})?;"
)
_PREFIX = re.compile(
    r"\s{0,8}(?:(?P<stamp>"
    + _STAMP
    + r")|(?P<source>\[ {0,8}[TC]\d{1,8}\]|\[\d{1,3}: {0,20}[^\]]{1,40}: {0,8}\d{1,8}\]|"
    r"c\d{1,3} {1,8}\d{1,8}(?: \([^)]{1,32}\))?)|<\d{1,3}>|(?:kern|user|daemon|syslog) {0,3}:\w{3,6} {0,3}: ?|"
    r"(?:[\w.-]{1,80} )?kernel(?:\[\d{1,8}\])?:|(?:[\w.-]{1,80} )?kernel - \S{1,20} (?:-|\[[^\]]{0,120}\])|"
    r"(?:W|E|I|D) (?=\[)|MESSAGE=)"
)
# Whatever else stands before a message: it begins at the kernel's stamp, or where it can be nothing but a message.
_KERNEL_STAMP = re.compile(r"\[ {0,7}\d{1,7}\.\d{6}\]")
_BEGINS = re.compile(
    r"(?<![\w/(])(?:page:\S{0,20} ?(?:ref)?count:|page:\S{1,20} is uninit|memcg:[0-9a-f]{8}|"
    r"(?:anon |ksm )?flags: 0x|raw: [0-9a-f]{8}|head: ?[0-9a-f]{8,16} [0-9a-f]{8}|head:\S{0,20} ?order:|"
    r"aops:\w|page_type: |page dumped because:|"
    r"page->mem_cgroup:|page_owner tracks|page last (?:allocated|free)|page allocated via|INFO: task |"
    r"CPU: ?\d{1,4} (?:UID: \d{1,10} )?PID: \d{1,10} Comm: |Not tainted \d|Tainted: [A-Z]|"
    r"task:\S.{0,40}?state:|Call [Tt]race:|inspect: [a-z]|migrating pfn |"
    r"failed to isolate pfn )"
)
# Complaints, which few lines hold: each is looked for only where a word of it stands.
_COMPLAINS = re.compile(
    r"(?<![\w/(])(?:BUG: (?:sleeping|scheduling|unable|kernel|KASAN|soft|spinlock|Bad)|kernel BUG at |"
    r"WARNING: CPU: \d|-{12}\[ cut here|Pid: \d{1,10}, comm: )"
)
_ENDS_AS_FRAME = re.compile(
    r"(?<=[:;\]|\t])[ \t]{0,12}(?:\? )?[A-Za-z_][\w.]{2,100}\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8}"
    r"(?: \[[\w -]{1,60}\])?[ \t]*$"
)
# Registers and warnings end as frames do; addresses before a frame are the kernel's own.
_NO_LEAD = re.compile(r"RIP|pc :|lr :|NIP|LR|IAOQ|WARNING|BUG|Workqueue| at |[\s\[\]<>0-9a-fx?(#=]*$")
MAX_LEAD = 240
# journalctl -o export and verbose, JSON over several lines: whatever stands around the message.
_FIELD = re.compile(
    r"\s{0,24}(?:[\[{}\]]{1,3},?\s*$|(?!MESSAGE=)_{0,2}[A-Z][A-Z0-9_]{2,60}=|.{0,60}\[s=[0-9a-f]{4}|"
    r"\"(?!MESSAGE\")_{0,2}[A-Z][A-Z0-9_]{2,60}\"\s{0,4}:|\"(?:pri|time|fac|dmesg)\"\s{0,4}:)"
)
_JSON = re.compile(r'"(?:MESSAGE|message|msg|log)" {0,4}: {0,4}"((?:[^"\\]|\\.){0,8000})')
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")


@dataclass(frozen=True)
class Dress:
    """What a text is wrapped in. Where it is, words may be broken anywhere, so every line has to be looked at."""

    is_html: bool
    is_quoted_printable: bool
    is_coloured: bool
    is_records: bool

    @property
    def is_plain(self) -> bool:
        return not (self.is_html or self.is_quoted_printable or self.is_coloured or self.is_records)


def dress(whole: str) -> Dress:
    return Dress(
        _has_any(whole, _MARKS),
        "=\n" in whole and ("=3D" in whole or "=20" in whole or "=\n" in whole[60:]),
        _has_any(whole, ("\x1b", "[0m", "^[[")),
        _has_any(whole, ("MESSAGE=", '"MESSAGE"', '"msg"')),
    )


def _has_any(whole: str, marks: Tuple[str, ...]) -> bool:
    """A single character is found twenty times as fast as a word, and most logs hold no `&` and no `<`."""
    first = {mark[0] for mark in marks}
    begins = {character for character in first if character in whole}
    return any(mark[0] in begins and mark in whole for mark in marks)


def is_beside(piece: Piece) -> bool:
    """In a text of records, is it another field than the message, or what stands between two records?"""
    return _FIELD.match(piece.text) is not None


def pieces(raw: Iterable[Tuple[int, str]], worn: Dress) -> Iterator[Piece]:
    """The raw lines without colours and mark-up; cut where two messages share a line."""
    for piece in _unbroken(raw) if worn.is_quoted_printable else _plain(raw, worn.is_html):
        if worn.is_html:
            piece = replaced(replaced(piece, _TAG, lambda found: ""), _ENTITY, _character)
        if worn.is_coloured:
            piece = replaced(piece, _COLOUR, lambda found: "")
        yield from _apart(_out_of_json(piece))


def peeled(piece: Piece) -> Tuple[Piece, str, str]:
    """(the message, which task or CPU wrote it, its stamp), the latter two '' where the line does not say."""
    text, at, source, stamp = piece.text, 0, "", ""
    quoted = _QUOTE.match(text)
    if quoted:
        at = quoted.end()
    for _ in range(8):
        found = _PREFIX.match(text, at)
        if found is None or found.end() == at:
            begins = _begins(text, at)
            if begins <= at:
                break
            stamp = stamp or text[at:begins]
            at = begins
            continue
        source = found["source"] or source
        stamp = found["stamp"] or stamp
        at = found.end()
    if at and text[at : at + 1] == " ":
        at += 1
    return cut(piece, at, len(text)), source, stamp


# What runners and CI systems put before each line of a console, beside the stamps above: LAVA's number and time, the
# name of a stream (avocado), GitLab's two digits and a letter.
_LEAD = re.compile(
    r"\d{1,8} \d\d:\d\d:\d\d\.\d{1,9} ? ?|\[(?:std(?:log|out|err)|console|serial|dmesg|target)\] ?|"
    r"(?<=Z )\d\d[OE][ +]|(?:DEBUG|INFO |WARN |ERROR|INFO|WARNING)[|:] ?"
)


def whole(number: int, text: str) -> Piece:
    """A line as it stands."""
    return Piece(text, number, ((0, number, 1),))


def unstamped(piece: Piece) -> Piece:
    """The line without quoting, stamps and leads, but with its own indentation, which says something in some texts."""
    text, at = piece.text, 0
    quoted = _QUOTE.match(text)
    if quoted:
        at = quoted.end()
    for _ in range(8):
        found = _LEAD.match(text, at) or _PREFIX.match(text, at)
        if found is None or found.end() == at:
            break
        is_lead = found.re is _LEAD
        at = found.end()
        if not is_lead and text[at : at + 1] == " ":
            at += 1
    return cut(piece, at, len(text))


def _begins(text: str, at: int) -> int:
    """Where the message begins behind a lead that is of no known form; `at` where it seems to begin there."""
    end = at + MAX_LEAD
    stamp = _KERNEL_STAMP.search(text, at, end)
    if stamp:
        return stamp.start()
    is_complaint = "BUG" in text or "WARNING: CPU" in text or "cut here" in text or ", comm: " in text
    found = (_COMPLAINS.search(text, at, end) if is_complaint else None) or _BEGINS.search(text, at, end)
    if found:
        return found.start() if text[at : found.start()].strip() else at
    frame = _ENDS_AS_FRAME.search(text, at) if len(text) <= end and "+0x" in text else None
    return frame.start() if frame and not _NO_LEAD.match(text[at : frame.start()].strip()) else at


def _out_of_json(piece: Piece) -> Piece:
    """The message of a record that a journal or a container's log prints as JSON."""
    if '"' not in piece.text:
        return piece
    found = _JSON.search(piece.text)
    if found is None:
        return piece
    inside = cut(piece, found.start(1), found.end(1))
    return replaced(inside, _JSON_ESCAPE, _unescaped_json) if "\\" in inside.text else inside


def _unescaped_json(found: Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return {"n": " ", "t": "\t", "r": " ", "b": " ", "f": " "}.get(found[2], found[2])


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
    # Looked up, not walked to: a piece has thousands of spans, and is cut at each of its thousands of escapes.
    first = max(bisect_right(piece.spans, (start, 1 << 60, 0)) - 1, 0)
    last = max(bisect_left(piece.spans, (end, 0, 0)), first + 1)
    index, number, column = piece.spans[first]
    kept = [(0, number, column + start - index)]
    kept += [(index - start, number, column) for index, number, column in piece.spans[first + 1 : last]]
    return Piece(piece.text[start:end], number, tuple(kept))


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
        if part or not parts:  # a megabyte of breaks that join nothing would be half a million of them
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
    """Cut before every stamp of the kernel's but the first: what stands before that is a lead, if no message."""
    if piece.text.count("[") < 2:
        yield piece
        return
    first = _KERNEL_STAMP.search(piece.text)
    at = 0
    for found in _INNER.finditer(piece.text):
        is_lead = (
            first is not None and found.start() <= first.start() and not _BEGINS.search(piece.text, 0, found.start())
        )
        if found.start() > at and not is_lead:
            yield cut(piece, at, found.start())
            at = found.start()
    yield cut(piece, at, len(piece.text))


def _character(found: Match[str]) -> str:
    made = html.unescape(found[0])
    return " " if made == "\xa0" else made
