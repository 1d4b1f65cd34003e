"""Evidence of what no editor stands behind is let go: the reports are read again, and matched with what there is."""

from __future__ import annotations

from catalog.models import Document
from catalog.models.text import owns_names
from reports.models import Report
from reports.worker import replay


def unendorsed_again() -> int:
    """Reports with evidence of a proposal, as an earlier release attached it. Returns how many are read again."""
    # Their ids first: with them the index of evidence by case is used, however much evidence there is.
    cases = list(Document.objects.filter(~owns_names(), kind="case").values_list("pk", flat=True))
    if not cases:
        return 0
    held = replay.replayable(Report.objects.filter(evidence__case__in=cases)).order_by().distinct()
    ids = list(held.values_list("pk", flat=True)[: replay.ROUND])
    return replay.again(Report.objects.filter(pk__in=ids), why="evidence of a proposal") if ids else 0
