"""The signatures of the catalog as they were when this tree was made, for a machine that has no catalog: known.json.

The site takes today's from its database. `make signatures` writes the file anew.
"""

from __future__ import annotations

import json
import pkgutil
from functools import lru_cache
from typing import Any, Dict, Iterable, Tuple

from diagnosis.matching.match import Sign, Signature, Tell


@lru_cache(maxsize=1)
def signatures() -> Tuple[Signature, ...]:
    data = pkgutil.get_data("diagnosis.matching", "known.json")
    assert data is not None
    return tuple(_signature(one) for one in json.loads(data))


def _signature(one: Dict[str, Any]) -> Signature:
    return Signature(
        case=one["case"],
        names=frozenset(one["names"]),
        title=one["title"],
        kind=one["kind"],
        mechanisms=tuple(one.get("mechanisms", ())),
        needs=tuple(one.get("needs", ())),
        proves=_signs(one.get("proves", ())),
        supports=_signs(one.get("supports", ())),
        contradicts=_signs(one.get("contradicts", ())),
        tell=tuple(Tell(tell["run"], tell["tells"]) for tell in one.get("tell", ())),
    )


def _signs(signs: Iterable[Dict[str, Any]]) -> Tuple[Sign, ...]:
    return tuple(Sign(tuple(sign["marks"]), sign["why"]) for sign in signs)
