"""How today's cases are recognised, as `diagnosis` takes them."""

from __future__ import annotations

from catalog import document
from catalog.facts import CaseText
from catalog.known_signatures import signature_of
from catalog.models import Case
from diagnosis.match import Signature


def signatures() -> list[Signature]:
    """One for each case, drafts too: evidence may wait on a draft, seen by nobody but editors. One query.

    A text that is not `readable` here recognises nothing until the later release reads what is unmatched again.
    """
    texts = Case.objects.order_by("slug").values_list("document__current__text", flat=True)
    return [signature_of(parsed) for parsed in map(document.readable, texts) if isinstance(parsed, CaseText)]
