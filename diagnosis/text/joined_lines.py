"""Lines that a mailer broke in the middle are joined again, where the first is unfinished."""

from __future__ import annotations

import re

from diagnosis.text.lines import Line

MAX_LINE = 8_192
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


def continues(before: Line, line: Line) -> bool:
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


def joined(before: Line, line: Line) -> Line:
    if len(before.text) > MAX_LINE:
        return before
    glue = "" if before.text.endswith("|") or line.text.startswith("|") else " "
    shift = len(before.text) + len(glue)
    spans = before.spans + tuple((index + shift, number, column) for index, number, column in line.spans)
    return Line(before.text + glue + line.text, before.number, spans, before.source, before.stamp)
