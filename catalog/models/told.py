"""What a column may hold that says a word of the vocabulary: its words, and '' where nobody may have told.

A word that is added there changes the model, so `makemigrations` asks for the migration that lets it in. That one only
widens: the release before it goes on writing what it always wrote, and `look_up` shows it the new word as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import CheckConstraint, Q

from diagnosis.words.vocabulary import AREAS, ENVIRONMENTS, EVIDENCE_KINDS, MIGRATE_MODES, MOVERS, OUTCOMES, Word

# A log may not show who moved, a test says nothing of an area, and formats of others have no environment.
NOT_ALWAYS_TOLD: Mapping[str, Mapping[str, Word]] = {
    "mover": MOVERS,
    "migrate_mode": MIGRATE_MODES,
    "area": AREAS,
    "environment": ENVIRONMENTS,
}
ALWAYS_TOLD: Mapping[str, Mapping[str, Word]] = {"kind": EVIDENCE_KINDS, "outcome": OUTCOMES}


def told(table: str, *columns: str) -> list[CheckConstraint]:
    """A constraint for each of these columns of a table."""
    return [CheckConstraint(condition=Q(**{f"{c}__in": _allowed(c)}), name=f"{table}_{c}_told") for c in columns]


def _allowed(column: str) -> list[str]:
    return sorted(["", *NOT_ALWAYS_TOLD[column]] if column in NOT_ALWAYS_TOLD else ALWAYS_TOLD[column])
