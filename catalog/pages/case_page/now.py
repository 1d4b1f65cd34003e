"""`/cases/SLUG/now`: what to do now, as plain text for a serial console: ASCII, at most 80 columns.

A command is never broken where that would change it: between words it goes on behind a backslash, and one that cannot
be broken stays whole, since a terminal wraps it without harm.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from catalog.documents import commands
from catalog.documents.current import case_text
from catalog.documents.schema import CaseText
from catalog.models import Case
from catalog.pages.case_page import whole
from diagnosis.words.vocabulary import (
    COMMANDS,
    CONTROLLERS,
    EFFECTS,
    MANNERS,
    STANDINGS,
    STATUSES,
    TIME_BOUNDS,
    look_up,
)

COLUMNS = 80
_ASCII = str.maketrans({"…": "...", "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "→": "->", "×": "x"})


@require_safe
def now(request: HttpRequest, slug: str) -> HttpResponse:
    found = Case.objects.visible_to(request.user, proposals=True).for_page().named(slug)
    text = case_text(found.document) if found else None
    if found is None or text is None:
        raise Http404("There is no such case.")
    made = plain(text, found.get_absolute_url(), found.document.is_reviewed)
    return HttpResponse(made, content_type="text/plain; charset=utf-8")


def plain(text: CaseText, path: str, is_reviewed: bool) -> str:
    lines = [*_head(text, is_reviewed), ""]
    body = text.sections.get(whole.NOW, "")
    lines += _blocks(body, is_reviewed) if body else ["Nothing is known that helps at once.", ""]
    lines += textwrap.wrap(f"More: {settings.SITE_URL}{path}", COLUMNS, break_long_words=False, break_on_hyphens=False)
    return "\n".join(ascii_(line) for line in lines) + "\n"


def _head(text: CaseText, is_reviewed: bool) -> Iterator[str]:
    yield from _wrapped(text.title)
    yield "=" * min(COLUMNS, max(len(line) for line in _wrapped(text.title)))
    who = ", ".join(look_up(CONTROLLERS, slug).label for slug in text.controllers)
    status = look_up(STATUSES, text.status).label if is_reviewed else "nobody has reviewed this"
    yield from _wrapped(f"{text.case}: {status}")
    yield from _wrapped(f"Who decides how long: {who}; {look_up(TIME_BOUNDS, text.bounds.time).label} in time")
    for effect in text.effects:
        what, how = look_up(EFFECTS, effect.effect).label, look_up(MANNERS, effect.manner).label
        yield from _wrapped(f"{what}: {how} ({look_up(STANDINGS, effect.standing).label})")


def _blocks(text: str, is_reviewed: bool) -> Iterator[str]:
    """CommonMark as lines of plain text, a blank one after each paragraph and each piece of code."""
    yield from _lines(SyntaxTreeNode(MarkdownIt("commonmark").parse(text)), "", "", is_reviewed)


def _lines(node: SyntaxTreeNode, before_first: str, before_others: str, is_reviewed: bool) -> Iterator[str]:
    """Of one element: what the lists around it put before its first line, and before each other."""
    if node.type in ("inline", "fence", "code_block"):
        token = node.to_tokens()[0]
        if node.type == "inline":
            yield from _wrapped(_spoken(token), before_first, before_others)
        else:
            yield from _code(token, before_others, is_reviewed)
        yield ""
        return
    for n, child in enumerate(node.children):
        marker = _marker(node, n)
        first = before_others if n else before_first
        yield from _lines(child, first + marker, before_others + " " * len(marker), is_reviewed)


def _marker(parent: SyntaxTreeNode, n: int) -> str:
    """What stands before the n-th child of a list; of anything else, nothing."""
    if parent.type == "ordered_list":
        return f"{int(parent.attrs.get('start', 1)) + n}. "
    return "* " if parent.type == "bullet_list" else ""


def _spoken(inline: Token) -> str:
    return "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content for child in inline.children or []
    )


def _code(token: Token, indent: str, is_reviewed: bool) -> Iterator[str]:
    does = commands.does(token.info, token.content)
    if does in COMMANDS and is_reviewed:
        label = look_up(COMMANDS, does).label
        yield f"{indent}[{label.upper() if does == 'loses_data' else label}]"
    lines = token.content.rstrip("\n").split("\n")
    if does and "<<" not in token.content:
        lines = broken(lines, COLUMNS - len(indent) - 2)
    yield from (f"{indent}  {line}" for line in lines)


def broken(lines: list[str], columns: int) -> list[str]:
    """Lines of shell on more of them, where they can be: at spaces outside of quotes, which a backslash stands before.

    A quote may go on from one line to the next. What has a here-document is not to be given to this.
    """
    made, quote = [], ""
    for line in lines:
        rest = line
        while len(rest) > columns:
            places = [n for n in _breaks(rest, quote) if n + 2 <= columns and n > 8]
            if not places:
                break
            made.append(f"{rest[: places[-1]]} \\")
            rest, quote = "    " + rest[places[-1] :].lstrip(" "), ""
        made.append(rest)
        quote = _quote_after(rest, quote)
    return made


def _quote_after(line: str, quote: str) -> str:
    """Which quote is open at the end of a line that began within `quote`."""
    for _, open_quote, _ in _letters(line, quote):
        quote = open_quote
    return quote


def _breaks(line: str, quote: str) -> Iterator[int]:
    """Where a single space stands between two words outside of quotes, before any comment."""
    for n, open_quote, is_escaped in _letters(line, quote):
        is_outside = line[n] == " " and not open_quote and not is_escaped
        if is_outside and line[:n].strip() and line[n + 1 : n + 2].strip():
            yield n


def _letters(line: str, quote: str) -> Iterator[tuple[int, str, bool]]:
    """Each letter before a comment: its place, the quote that is open after it, and whether it is escaped."""
    is_escaped = False
    for n, letter in enumerate(line):
        was_escaped, is_escaped = is_escaped, False
        if was_escaped:
            pass
        elif letter == "\\" and quote != "'":
            is_escaped = True
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and (n == 0 or line[n - 1] == " "):
            return
        yield n, quote, was_escaped


def _wrapped(text: str, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(ascii_(text), COLUMNS, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def ascii_(text: str) -> str:
    """What a console without fonts shows; control characters, which would move its cursor, are gone."""
    spelled = text.translate(_ASCII).encode("ascii", "replace").decode()
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", spelled).replace("\t", "    ")
