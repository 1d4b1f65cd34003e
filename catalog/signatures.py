"""How today's cases are recognised, as `diagnosis.match` takes them."""

from __future__ import annotations

from catalog.models import Case
from diagnosis.match import Signature


def signatures() -> list[Signature]:
    """One for each case, drafts too: evidence may wait on a draft, seen by nobody but editors. Two queries."""
    return [
        Signature(case.slug, frozenset([*(alias.slug for alias in case.aliases.all()), *case.test_names]))
        for case in Case.objects.prefetch_related("aliases").only("document", "slug", "test_names")
    ]
