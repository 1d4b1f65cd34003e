"""Words of search that no entry has any more: of texts that were changed, or that somebody took back."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from catalog.models import Word

# Of all vectors at once: asked for each word, the index would be searched a hundred thousand times. A text that is
# saved in the same moment may lose a word; that costs whoever misspells it a suggestion, until the text is saved next.
_IN_USE = RawSQL("SELECT word FROM ts_stat('SELECT exact FROM catalog_entry')", [])


def unused_words(before: datetime) -> QuerySet[Word]:
    """Words have no age: these go with the next night."""
    return Word.objects.exclude(text__in=_IN_USE)
