"""What other apps put onto the page of a case or strategy: evidence below it, discussion beside it.

The catalog knows neither reports nor discussion; they offer their parts here when Django starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from catalog.models import Document


@dataclass(frozen=True)
class Part:
    """A template and the evaluated data that it takes, as `part`; `place` is below the text, or with
    'reproduce', or folded behind the 'evidence'."""

    template: str
    data: Any
    place: str = "below"


Offer = Callable[[HttpRequest, Document], Part | None]
_offers: list[tuple[int, Offer]] = []


def offer(order: int, make: Offer) -> None:
    """`order`: where it stands among the others, from 0 at the top, whichever app starts first."""
    _offers.append((order, make))
    _offers.sort(key=lambda one: one[0])


def for_page(request: HttpRequest, document: Document) -> list[Part]:
    made = (make(request, document) for _, make in _offers)
    return [part for part in made if part is not None]
