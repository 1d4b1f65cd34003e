"""How many runs of a cell were in guests, and in how many boots. Runs of one boot are not independent of each other.

The catalog knows no reports; who does offers the counting when Django starts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

Boots = Mapping[tuple[str, str, str], tuple[int, int]]
"""By case, release and mover: conclusive runs in guests, and the boots that they were made in."""

Count = Callable[[Collection[str], Any], Boots]
_offers: list[Count] = []


def offer(count: Count) -> None:
    _offers.append(count)


def boots(cases: Collection[str], user: Any) -> Boots:
    """Of these cases, as far as this person may see them."""
    return {key: found for count in _offers for key, found in count(cases, user).items()}
