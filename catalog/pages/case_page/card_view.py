"""`/cases/SLUG/card.png`: the picture that previews elsewhere show of a case."""

from __future__ import annotations

import hashlib

from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from catalog.documents.current import case_text
from catalog.measured import overview
from catalog.measured.drawings.card import card
from catalog.measured.drawings.lifeline import lifeline
from catalog.models import Case
from diagnosis.words.vocabulary import CONTROLLERS, STATUSES, TIME_BOUNDS, look_up

KEPT_SECONDS = 7 * 24 * 3600
LAYOUT = 1  # a picture of another layout is another picture


@require_safe
def picture(request: HttpRequest, slug: str) -> HttpResponse:
    """Drawn once for each state of text and measurements, by whom it is asked for first, and kept by what it says."""
    found = Case.objects.visible_to(AnonymousUser()).for_page().named(slug)
    text = case_text(found.document) if found else None
    if found is None or text is None or not found.document.is_reviewed:
        raise Http404("There is no such case.")
    life = lifeline(text, overview.summaries(found))
    who = ", ".join(look_up(CONTROLLERS, one).label for one in text.controllers)
    facts = [look_up(STATUSES, text.status).label, who, f"{look_up(TIME_BOUNDS, text.bounds.time).label} in time"]
    said = repr((LAYOUT, text.name, facts, life))
    key = f"card:{hashlib.sha256(said.encode()).hexdigest()}"
    made = cache.get(key)
    if made is None:
        made = card(text.name, facts, life)
        cache.set(key, made, KEPT_SECONDS)
    answer = HttpResponse(made, content_type="image/png")
    answer["Cache-Control"] = "public, max-age=3600"
    return answer
