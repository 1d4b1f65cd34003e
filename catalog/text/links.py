"""What a document names, as links: cases and strategies by their slugs, commits, functions, man pages, CVEs.

Only what is spelled so that it can be nothing else: a slug has a hyphen and is one of the catalog's, a commit has 12 to
40 hex digits, a function stands as code and ends with `()`, a man page as `name(2)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils.safestring import SafeString

from catalog.models import Case, Strategy
from catalog.text import markdown

SLUG = re.compile(r"(?<![\w/.@-])[a-z0-9]+(?:-[a-z0-9]+)+(?![\w/@-]|\.\w)")
MOST_NAMES = 500  # looked up for one page
MOST_RELATED = 40
_LINE = re.compile(r"\d{1,2}\.\d{1,3}")


@dataclass(frozen=True)
class Related:
    slug: str
    name: str

    @property
    def url(self) -> str:
        return f"/cases/{self.slug}/"


@dataclass(frozen=True)
class Links:
    """`addresses`: of slugs. `source`: the release in which functions are looked up. `related`: cases held likewise."""

    addresses: dict[str, str] = field(default_factory=dict)
    source: str = "latest"
    related: tuple[Related, ...] = ()

    def html(self, text: str, is_reviewed: bool) -> SafeString:
        here = {word for word in SLUG.findall(text) if word in self.addresses}
        links = tuple((word, self.addresses[word]) for word in sorted(here))
        return markdown.html(text, links, marked=is_reviewed, source=self.source)


def of_document(texts: Iterable[str], own: str, user: Any, mechanism: str = "", releases: Iterable[str] = ()) -> Links:
    """Two queries, whatever the texts name. `own`: the slug of the document itself, which is no link."""
    named = sorted({word for text in texts for word in SLUG.findall(text)} - {own})[:MOST_NAMES]
    cases = Case.objects.visible_to(user).exclude(slug=own)
    wanted = Q(aliases__slug__in=named) | (Q(mechanism=mechanism) if mechanism else Q())
    addresses: dict[str, str] = {}
    related: dict[str, Related] = {}
    rows = cases.filter(wanted).order_by("slug").values_list("slug", "aliases__slug", "short", "title", "mechanism")
    for slug, alias, short, title, of in rows[: MOST_NAMES + MOST_RELATED]:
        if alias in named:
            addresses[alias] = f"/cases/{slug}/"
        if of == mechanism and mechanism:
            related[slug] = Related(slug, short or title)
    strategies = Strategy.objects.visible_to(user).exclude(slug=own).filter(slug__in=named)
    addresses |= {slug: f"/strategies/{slug}/" for slug in strategies.values_list("slug", flat=True)}
    return Links(addresses, _newest(releases), tuple(related.values()))


def _newest(releases: Iterable[str]) -> str:
    """The newest mainline release that a text speaks of, as a cross reference names it."""
    known = [tuple(map(int, one.split("."))) for one in releases if _LINE.fullmatch(one)]
    return "v" + ".".join(map(str, max(known))) if known else "latest"
