"""How values are written on pages. Pure functions of what they are given."""

from __future__ import annotations

import re
from datetime import datetime

from django import template
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from catalog.documents import schema
from catalog.models import Document
from catalog.text import markdown
from catalog.text.links import Links
from diagnosis.words import vocabulary
from people import journal
from people.models import Event

register = template.Library()


@register.filter
def commonmark(text: str) -> SafeString:
    return markdown.html(text)


@register.filter
def documented(text: str, document: Document) -> SafeString:
    """A section of a case or strategy. What its commands do is the site's word once somebody has reviewed it."""
    return markdown.html(text, marked=document.is_reviewed)


@register.simple_tag
def linked(text: str, links: Links, document: Document) -> SafeString:
    """A text of a document, in which cases, strategies, commits, functions and man pages that it names are links."""
    return links.html(text, document.is_reviewed)


@register.filter
def inline(text: str) -> SafeString:
    """One paragraph without being one, to stand in a heading or a summary. It has no links."""
    made = re.sub(r"</?(?:p|a)\b[^>]*>", "", markdown.html(text))
    return mark_safe(made.strip())  # noqa: S308 - tags were taken away from what is safe


@register.filter
def brief(text: str | None, most: int = 64) -> str:
    """The beginning of a sentence, up to where its first part ends; cut at a word where that is too long."""
    first = re.split(r"[;:(]| - |, (?=and |which )|\.(?:\s|$)", text or "", maxsplit=1)[0].strip()
    if len(first) <= most:
        return first
    return first[:most].rpartition(" ")[0].rstrip(",") + " …"


@register.filter
def ticked(text: str) -> SafeString:
    """A plain sentence, with `names` in it set as code. Whatever else is in it is text."""
    return mark_safe(re.sub(r"`([^`\n]{1,200})`", r"<code>\1</code>", escape(text)))  # noqa: S308 - escaped


@register.filter
def first_sentence(text: str) -> str:
    """The first sentence of CommonMark prose, without its marks, and of a list the first of its first item."""
    return sentences(text)[0]


def sentences(text: str) -> list[str]:
    """Of CommonMark prose, without its marks; of a list those of its first item. At least one, which may be ''."""
    if item := re.match(r"(?:\d+[.)]|[-*]) +(.*?)(?=\n\n|\n(?:\d+[.)]|[-*]) |\Z)", text.strip(), re.DOTALL):
        text = item[1]
    plain = re.sub(r"[`*]|\[([^\[\]]*)\]\([^)\[]*\)", r"\1", " ".join(text.split()))
    return re.split(r"(?<=[.!?])\s+(?=[A-Z])", plain)


NOTICES = {"success": "success", "warning": "caution", "error": "danger"}


@register.filter
def notice(level: str) -> str:
    """The kind of notice that a message is, by Django's name of its level."""
    return NOTICES.get(level, "info")


@register.filter
def word(slug: str, group: str) -> str:
    """The label of a word of the vocabulary, as {{ slug|word:"mechanism" }}."""
    return vocabulary.look_up(vocabulary.GROUPS[group], slug).label


@register.filter
def told(event: Event) -> str:
    """What somebody did, as the journal says it: commented, declined the proposed case."""
    return journal.said(event.verb)


@register.filter
def counted(runs: int, word: vocabulary.Word) -> str:
    return vocabulary.counted(runs, word)


@register.filter
def subsystem_slug(name: str) -> str:
    return schema.subsystem_slug(name)


@register.filter
def meaning(slug: str, group: str) -> str:
    return vocabulary.look_up(vocabulary.GROUPS[group], slug).meaning


@register.filter
def seconds(value: float | None) -> str:
    """A time with two digits at the most: 0.21 s, 5.2 s, 83 s. '' where it is not known."""
    if value is None:
        return ""
    if value < 0.01:
        return f"{value * 1000:.1f} ms"
    if value < 1:
        return f"{value:.2f} s"
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


@register.filter
def about(value: float | None) -> str:
    """A time read back from a histogram, which knows one digit: ≈ 0.2 s. '' where it is not known."""
    return f"≈ {float(f'{value:.1g}'):g} s" if value is not None else ""


@register.filter
def short_id(value: object) -> str:
    """The end of a UUID: it begins with a clock, which all reports of one minute share."""
    return str(value)[-8:]


@register.filter
def is_address(text: object) -> bool:
    """Whether a page may link to it: http or https, and nothing of another kind."""
    return bool(re.fullmatch(r"https?://[^\s\"'<>\\]+", str(text)))


@register.filter
def breakable(name: str) -> str:
    """A name of the kernel that may break after an underscore and before its parentheses, and nowhere else."""
    return format_html_join("", "{}<wbr>", ((part,) for part in re.split(r"(?<=_)|(?=\()", name)))


@register.filter
def bytes_(value: int) -> str:
    if value < 1_000:
        return f"{value} B"
    units = ("kB", "MB", "GB", "TB")
    power = min((len(str(value)) - 1) // 3, len(units))
    return f"{value / 1_000**power:.1f} {units[power - 1]}"


@register.filter
def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


@register.filter
def chance(p: float) -> str:
    """A p value with two digits: 0.0079, 0.52, < 0.0001."""
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}"


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """A time, for people and for machines."""
    if value is None:
        return ""
    return format_html(
        '<time datetime="{}">{}</time>', value.strftime("%Y-%m-%dT%H:%M:%SZ"), value.strftime("%Y-%m-%d %H:%M UTC")
    )
