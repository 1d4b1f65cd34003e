"""CommonMark to HTML that is safe to show, whoever wrote it. Used for case files and for what people say."""

from __future__ import annotations

import re
from functools import lru_cache

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

MAX_CHARACTERS = 50_000
RICH_CHARACTERS = 8_000
_TAGS = {
    *("p", "br", "hr", "em", "strong", "code", "pre", "span", "blockquote", "ul", "ol", "li", "a", "del"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "div"),
}
_LANGUAGES = frozenset({"c", "diff", "bash", "sh", "python", "json", "yaml", "text"})
# Some lexers take time with the square of their input: 20,000 characters of brackets took 9 s.
COLOURED_CHARACTERS = 2_000


def _code(code: str, language: str, attributes: str) -> str:
    if language not in _LANGUAGES or len(code) > COLOURED_CHARACTERS:
        return ""
    try:
        return highlight(code, get_lexer_by_name(language), HtmlFormatter(nowrap=True))
    except ClassNotFound:
        return ""


_OPTIONS = {"html": False, "linkify": False, "maxNesting": 20}
_RICH = MarkdownIt("commonmark", {**_OPTIONS, "highlight": _code}).enable("table")
_PLAIN = MarkdownIt("commonmark", _OPTIONS)


@lru_cache(maxsize=512)
def html(text: str) -> SafeString:
    """At most MAX_CHARACTERS of CommonMark as sanitised HTML. Raw HTML in it is shown as text.

    A text over RICH_CHARACTERS gets neither colours nor tables, so that what one costs stays bounded.
    """
    made = (_RICH if len(text) <= RICH_CHARACTERS else _PLAIN).render(text[:MAX_CHARACTERS])
    made = re.sub(r"<(/?)h[12]>", r"<\1h3>", made)
    clean = nh3.clean(
        made,
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "code": {"class"}, "span": {"class"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener nofollow ugc",
    )
    # What scrolls can be reached by the keyboard.
    return mark_safe(clean.replace("<pre>", '<pre tabindex="0">'))  # noqa: S308 - cleaned on the lines above
