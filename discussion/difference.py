"""Differences of texts, and diffs in colour."""

from __future__ import annotations

from difflib import unified_diff
from itertools import islice

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

_CLASSES = {"+": "gi", "-": "gd", "@": "gu"}


def difference(before: str, after: str) -> str:
    """A unified diff of two texts, without file names; '' where they are equal."""
    return "\n".join(islice(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3), 2, None))


def coloured(diff: str) -> SafeString:
    """A diff as escaped HTML, a span for each line that was added or taken away; it reads the same without colours."""
    return format_html_join(
        "", '<span class="{}">{}</span>', ((_class(line), line + "\n") for line in diff.split("\n"))
    )


def _class(line: str) -> str:
    if line.startswith(("diff ", "index ", "--- ", "+++ ")):
        return "gh"
    return _CLASSES.get(line[:1], "go-on")
