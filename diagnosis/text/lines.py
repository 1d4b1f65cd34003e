"""A pasted text to the lines that may matter, cleaned, each remembering where every character stood.

Most of a log says nothing here, so nothing is done with it: the whole text is searched for a few dozen fixed
strings, which costs time linear in its length, and only the lines found (with the two after each, which wrapped
text and call traces need) are looked at one by one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Match, Optional, Set, Tuple, Union

from diagnosis.text.record import Place, Value
from diagnosis.text.unwrap import Dress, Piece, cut, dress, is_beside, peeled, pieces

MAX_LINE = 8_192
MAX_RELEVANT = 60_000
# Each is unique enough to be rare in a log that is not ours, and short enough to survive a wrapped line.
NEEDLES: Tuple[str, ...] = (
    *("page:", "head:", "flags:", "raw:", "aops:", "_aops", "memcg", "mem_cgroup", "page_type", "dumped because"),
    *("page_owner", "allocated via", "last free", "been migrated", "PFN 0x", "poisoned"),
    *("migrating pfn", "isolate pfn", "offlining", "Offlined", "callbacks suppressed", "oft offline", "soft_offline"),
    *("Offline failed", "-remove", "free of", "DLPAR", "dissolve", " SMP", "Kernel"),
    *(
        "cma:",
        "cma_",
        "CMA",
        "available pages",
        "alloc_contig",
        "virtio_mem",
        "migrate_folio",
        "PFNs busy",
        "busy, retrying",
    ),
    *(
        "blocked for more",
        "soft lockup",
        "task:",
        "+0x",
        "folio_",
        "migrate_pages",
        "reclaim_throttle",
        "offline_pages",
    ),
    *("wait_on_page", "lock_page", "mm_compaction", "pages_isolated"),
    *("Linux version", "not responding", "libceph", "timed out", "Memory failure", "resource busy", "Comm:"),
    ", comm: ",
    " at ffff",
    *("/cma/", "/maxchunk:", "/used:", "/count:"),
    *("going-offline", "disable failed", "Could only disable"),
    *("pgmigrate", "compact_", "thp_", "nr_", "Number of blocks type", ", zone", "valid_zones", "/state:"),
    *("inspect:", "waiting", "vm_event", "sysctl"),
)
# What they mean stands above them: headers of tasks, with registers and words of the stack between, have no needle.
_LOOKS_UP = frozenset(
    {
        "resource busy",
        "Comm:",
        "+0x",
        "folio_",
        "migrate_pages",
        "offline_pages",
        "wait_on_page",
        " at ffff",
    }
)
MAX_ABOVE = 12


@dataclass(frozen=True)
class Line:
    """`text` is the message: without stamp, prefix, quoting, colour. `source` says which task or CPU spoke, or ''.
    `number` counts lines, but for those that stand between the records of a journal: what is near by it is near.

    `spans` are (index in text, line, column) where a new stretch of the original begins.
    """

    text: str
    number: int
    spans: Tuple[Tuple[int, int, int], ...]
    source: str = ""
    stamp: str = ""

    def place(self, start: int, end: int) -> Place:
        """Where text[start:end] stands. What was wrapped ends with its first line."""
        if len(self.spans) == 1:
            index, line, column = self.spans[0]
            return Place(line, column + start - index, max(end - start, 0))
        at = bisect_right(self.spans, (start, 1 << 60, 0)) - 1
        last = at = max(at, 0)
        index, line, column = self.spans[at]
        while last + 1 < len(self.spans) and self.spans[last + 1][0] < end and self.spans[last + 1][1] == line:
            last += 1
        if last + 1 < len(self.spans) and self.spans[last + 1][0] < end:
            # The blank that joins the two lines stands in neither.
            end = start + len(self.text[start : self.spans[last + 1][0]].rstrip())
        end_column = self.spans[last][2] + end - self.spans[last][0]
        return Place(line, column + start - index, max(end_column - (column + start - index), 0))

    def value(self, name: str, found: Match[str], group: Union[int, str] = 0, base: int = 0) -> Value:
        """What a group of a match says. `base` 0: not a number."""
        text = found[group]
        number: Optional[int] = None
        if base and len(text) <= 64:
            try:
                number = int(text, base)
            except ValueError:
                number = None
        return Value(name, text, self.place(found.start(group), found.end(group)), number)

    def after(self, start: int) -> Line:
        """The rest of the line from `start` on."""
        piece = cut(Piece(self.text, self.number, self.spans), start, len(self.text))
        return Line(piece.text, piece.number, piece.spans, self.source, self.stamp)


# What editors and chats make of a blank, and bytes that were no UTF-8: of Windows-1252, as most of them are.
_BLANKS_AND_BYTES = {
    **dict.fromkeys([0xA0, 0x2007, 0x202F, 0x3000, 0xFEFF], " "),
    **dict.fromkeys([0x2028, 0x2029, 0x85], "\n"),
    **{0xDC00 + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(0x80, 0x100)},
    0xDCA0: " ",
}


def decoded(given: Union[str, bytes]) -> str:
    """Text from bytes, whatever they are: UTF-16, else UTF-8, and Windows-1252 where a byte is no UTF-8."""
    if isinstance(given, bytes):
        given = given.decode(_wide(given), "replace") if _wide(given) else given.decode("utf-8", "surrogateescape")
    if not given.isascii():
        given = given.translate(_BLANKS_AND_BYTES)
    if "\r" in given:
        given = given.replace("\r\n", "\n")
        given = given.replace("\r", " " if "\n" in given else "\n")
    return given.replace("\0", " ")


def _wide(given: bytes) -> str:
    """The name of the UTF-16 that it is in, by its mark, or by every second byte being zero."""
    if given[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    head = given[:400]
    if len(head) >= 40 and head[1::2].count(0) > len(head) * 0.4:
        return "utf-16-le"
    return "utf-16-be" if len(head) >= 40 and head[::2].count(0) > len(head) * 0.4 else ""


def relevant(text: str) -> Iterator[Tuple[int, str]]:
    """(line number from 1, raw line) of every line with a needle, and of the two after each."""
    number, at = 1, 0
    for start, end in _stretches(text):
        number += text.count("\n", at, start)
        at = start
        for offset, raw in enumerate(text[start:end].split("\n")):
            yield number + offset, raw


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
        if made and line.number <= last + 1 and _continues(made[-1], line):
            made[-1] = _joined(made[-1], line)
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


def _stretches(text: str) -> Iterator[Tuple[int, int]]:
    """Offsets (start, end) of stretches of whole lines around needles: sorted, apart, each line once."""
    starts: Dict[int, int] = {}
    headed: Set[int] = set()
    for needle in NEEDLES:
        at = text.find(needle)
        while at >= 0:
            start = text.rfind("\n", 0, at) + 1
            if start in starts:
                end = starts[start]
            else:
                end = text.find("\n", at)
                end = starts[start] = len(text) if end < 0 else end
            if needle in _LOOKS_UP:
                headed.add(start)
            at = text.find(needle, end)
    open_start, open_end = -1, -1
    for start in sorted(starts):
        end = starts[start]
        for _ in range(2):
            following = text.find("\n", end + 1)
            end = (len(text) if following < 0 else following) if end < len(text) else end
        if start in headed and start > open_end + 1:
            start = max(_above(text, start, open_end), 0)
        if start <= open_end + 1 and open_start >= 0:
            open_end = max(open_end, end)
        else:
            if open_start >= 0:
                yield open_start, open_end
            open_start, open_end = start, end
    if open_start >= 0:
        yield open_start, open_end


def _above(text: str, start: int, least: int) -> int:
    """Where the line MAX_ABOVE above `start` begins, but not above `least`, the end of what is taken already."""
    for _ in range(MAX_ABOVE):
        if start <= least + 1:
            break
        start = text.rfind("\n", 0, max(start - 1, 0)) + 1
    return max(start, least + 1)


# Behind these a name with an offset is no frame: the word before the name belongs to the message.
_SAYS_WHAT = re.compile(r"(?:RIP|EIP|pc|lr|NIP|LR|epc|WARNING|BUG|Workqueue)(?: ?:|[ \[]).{0,100}$")


def _line(piece: Piece, nr_beside: int) -> Line:
    rest, source, stamp = peeled(piece)
    if "+0x" in rest.text and len(rest.text) < len(piece.text):
        lead = len(piece.text) - len(rest.text)
        says = _SAYS_WHAT.search(piece.text, max(lead - 120, 0), lead)
        rest = cut(piece, says.start(), len(piece.text)) if says else rest
    message = rest.text.lstrip()
    rest = cut(rest, len(rest.text) - len(message), len(rest.text))
    return Line(rest.text.rstrip(), rest.number - nr_beside, rest.spans, source, stamp)


_KEYED = re.compile(
    r"(?:index|pfn|mapping|mapcount|pincount|compound_pincount|nr_pages_mapped|entire_mapcount|order|mode|reason|"
    r"nr_\w+|"
    r"ret|req-size):?=?\s?\S|failure$|failed$|page$|seconds\.?$|0x[0-9a-f]+\(|failed ret:"
)
_WORDS = re.compile(r"[0-9a-f]{8,16}(?: [0-9a-f]{8,16})*$")
_OPEN = re.compile(
    r"flags:$|dentry$|dentry name\(?\??\)?:?$|gfp_mask$|, (?:pid|tgid|ts)$|"
    r"^page:.*(?:mapping|mapcount|refcount|count|page):\S*$|^page:.*mapping:\S+ index:\S+$|^head:.*order:|"
    r"migrating pfn \w+$|migrating pfn \w+ failed$|dumped because:(?: (?:migration|isolation|unmovable))?$|gfp_mask$|"
    r"alloc failed,|blocked for more|nr_succeeded="
)
# A list of free ranges of a CMA area, and the errno before it, which mailers break at any blank.
_OPEN_SIZE = re.compile(r"alloc failed, req-size:(?: \d{1,12})?$")
_OPEN_RANGES = ("=>", "free", "of", "+", *"0123456789")
_REST_CMA = re.compile(
    r"-?\d{1,12}(?:$| pages| free| total|@\d)|=> ?\d|\+?\d{1,12}@|free of|of \d|total pages|pages, ret"
)


def _continues(before: Line, line: Line) -> bool:
    """Did a mailer break `before` here? Only where `before` is unfinished and `line` begins nothing of its own."""
    if line.stamp or not line.text:
        return False
    if before.text == "?" or (_AT_WHAT.match(before.text) and _NAME.match(line.text)):
        return True
    if before.stamp and _looks_wrapped(before, line) and not _OWN.match(line.text):
        return True
    if before.text.startswith(("raw:", "head:")) and _WORDS.match(line.text):
        return True
    if before.text.count("(") > before.text.count(")") and "flags:" in before.text:
        return ":" not in line.text.split("(")[0]
    if _is_open_cma(before.text) and _REST_CMA.match(line.text):
        return True
    return _OPEN.search(before.text) is not None and _KEYED.match(line.text) is not None


def _is_open_cma(text: str) -> bool:
    """By the first of each: an expression would try from every `alloc failed,` of a line to its end."""
    _, _, after = text.partition("alloc failed,")
    if after.endswith(" ret:") or (after and _OPEN_SIZE.search(text)):
        return True
    _, listed, ranges = text.partition("available pages:")
    return bool(listed) and (not ranges or ranges.endswith(_OPEN_RANGES))


# A name with an offset below these is what they speak of, and no frame of a trace.
_AT_WHAT = re.compile(r"WARNING: .{0,60} at \S{1,120}$|(?:RIP|EIP): \S{0,40}$|(?:pc|lr|epc) :$|PC is at$")
_NAME = re.compile(r"(?:\[<[0-9a-f]{8,16}>\] {1,2}){0,2}[A-Za-z_][\w.]{2,100}\+0x[0-9a-f]{1,8}/0x[0-9a-f]")
# Where mailers break lines at the earliest.
MIN_WIDTH = 60
# What is no rest of a line: a frame, a header, a prompt, a counter, what people write around a log.
_OWN = re.compile(
    r".{0,100}?\w\+0x[0-9a-f]|task:\S|\S.{0,14}? +[RSDTZXI] .{0,40} 0x[0-9a-f]{8}$|Call [Tt]race:|"
    r"</?\w|\w{1,20}:(?: |$)|[-=]{4}|\(In reply|On .{1,100}wrote|[#$%] |=> |"
    r"\S{1,40}@\S{1,60}[:~]|[a-z_0-9]{3,40} \d{1,20}$|/(?:proc|sys)/"
)


def _looks_wrapped(before: Line, line: Line) -> bool:
    """In a log with stamps one without is the rest of the line above, if its first word had no room there."""
    index, _, column = before.spans[-1]
    first = line.text.split(None, 1)[0]
    return column + len(before.text) - index + len(first) >= MIN_WIDTH


def _joined(before: Line, line: Line) -> Line:
    if len(before.text) > MAX_LINE:
        return before
    glue = "" if before.text.endswith("|") or line.text.startswith("|") else " "
    shift = len(before.text) + len(glue)
    spans = before.spans + tuple((index + shift, number, column) for index, number, column in line.spans)
    return Line(before.text + glue + line.text, before.number, spans, before.source, before.stamp)
