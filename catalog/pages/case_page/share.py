"""What a case looks like where its address is pasted: title, a sentence, and a picture of its life."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from catalog.documents.schema import CaseText, StrategyText
from catalog.models import Case
from catalog.search.index import plain

DESCRIPTION = 200


@dataclass(frozen=True)
class Share:
    """`image` is '' where there is none."""

    title: str
    description: str
    url: str
    image: str = ""
    image_says: str = ""


def of_case(found: Case, text: CaseText) -> Share | None:
    """None for a proposal, which is no part of the catalog: a preview would read like the site's word."""
    if not found.document.is_reviewed:
        return None
    address = f"{settings.SITE_URL}{found.get_absolute_url()}"
    says = f"{text.name}: the kernels that have it, and what was measured on them."
    return Share(text.name, described(text.summary), address, f"{address}card.png", says)


def of_strategy(path: str, text: StrategyText) -> Share:
    return Share(text.title, described(text.summary), f"{settings.SITE_URL}{path}")


def described(summary: str) -> str:
    """The beginning of a summary as plain text, cut at a word."""
    words = " ".join(plain(summary).split())
    if len(words) <= DESCRIPTION:
        return words
    return words[:DESCRIPTION].rpartition(" ")[0].rstrip(",;") + " …"
