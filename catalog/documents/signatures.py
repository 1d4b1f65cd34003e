"""How today's cases are recognised, as `diagnosis` takes them."""

from __future__ import annotations

import logging
import threading

from django.db.models import Case as Choice
from django.db.models import F, TextField, Value, When

from catalog.documents import parser
from catalog.documents.known_signatures import signature_of
from catalog.documents.schema import CaseText
from catalog.models import Case
from catalog.models.text import owns_names
from diagnosis.matching.match import Signature

log = logging.getLogger(__name__)
_lock = threading.Lock()
_known: dict[int, Signature | None] = {}  # by the id of a revision, whose text never changes


def signatures() -> list[Signature]:
    """One for each case that an editor stands behind: anybody proposes, and what they propose recognises nothing.

    Drafts of editors too: evidence may wait on a draft, seen by nobody else. One query, which brings only the texts
    that this process has not read yet.
    """
    with _lock:
        known = dict(_known)
    unread = Choice(
        When(document__current__in=list(known), then=Value(None)),
        default=F("document__current__text"),
        output_field=TextField(),
    )
    rows = Case.objects.filter(owns_names("document__"), document__current__isnull=False).order_by("slug")
    found = {n: known[n] if n in known else _read(text) for n, text in rows.values_list("document__current", unread)}
    with _lock:
        _known.clear()
        _known.update(found)
    return [one for one in found.values() if one is not None]


def _read(text: str) -> Signature | None:
    """None for a text that is not `readable` here: one such case must not stop all the others."""
    parsed = parser.readable(text)
    if parsed is None:
        log.error("a case is not recognised in reports: this release cannot read its text")
    return signature_of(parsed) if isinstance(parsed, CaseText) else None
