"""What a case or a strategy says now, where this release can read it."""

from __future__ import annotations

from catalog.documents.parser import readable
from catalog.documents.schema import CaseText, StrategyText
from catalog.models import Document


def case_text(document: Document) -> CaseText | None:
    made = readable(document.current.text) if document.current else None
    return made if isinstance(made, CaseText) else None


def strategy_text(document: Document) -> StrategyText | None:
    made = readable(document.current.text) if document.current else None
    return made if isinstance(made, StrategyText) else None
