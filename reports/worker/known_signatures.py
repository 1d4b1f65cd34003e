"""How today's cases are recognised: by what their texts say, and by what editors ruled on fingerprints."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from catalog.documents.signatures import signatures
from diagnosis.matching.match import Signature
from reports.models import Ruling


def known_signatures() -> list[Signature]:
    """One for each case. Three queries."""
    ruled: defaultdict[str, set[str]] = defaultdict(set)
    for slug, fingerprint in Ruling.objects.filter(word=Ruling.Word.CASE).values_list("case__slug", "fingerprint"):
        ruled[slug].add(fingerprint)
    return [replace(one, fingerprints=frozenset(ruled[one.case])) for one in signatures()]
