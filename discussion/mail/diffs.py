"""Diffs in colour: what changed between two texts, and those that come by mail."""

from __future__ import annotations

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from catalog.documents import line_diff

COLOURED_LINES = 5_000  # what follows has one colour: a letter may be 100,000 lines of a single +
_CLASSES = {"+": "gi", "-": "gd", "@": "gu"}


def difference(before: str, after: str) -> str:
    """A diff of two texts with three equal lines around each change; '' where they are equal."""
    lines = []
    for hunk in line_diff.diff(before, after).hunks:
        lines += [f"@@ {hunk.skipped} lines alike @@"] if hunk.skipped else []
        lines += [line.sign + "".join(span.text for span in line.spans) for line in hunk.lines]
    return "\n".join(lines)


def coloured(diff: str) -> SafeString:
    """A diff as escaped HTML, a span for each line that was added or taken away; it reads the same without colours."""
    if not diff:
        return SafeString("")
    lines = diff.split("\n", COLOURED_LINES)
    return format_html_join("", '<span class="{}">{}</span>', ((_class(line), line + "\n") for line in lines))


def _class(line: str) -> str:
    if line.startswith(("diff ", "index ", "--- ", "+++ ")):
        return "gh"
    return _CLASSES.get(line[:1], "same")
