"""Which parameters an address takes. One that is misspelt would be answered with everything.

Wrong     one is unknown, said twice or malformed: a 400 that names the known ones, in the API and on pages
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import BadRequest

from rest import problems

OF_EVERY_LIST = ("limit", "cursor")


class Wrong(problems.Documented, BadRequest):
    """Django makes its 400 page of it, and the framework of the API a problem document."""

    def document(self) -> dict[str, Any]:
        return problems.made(400, "Bad request.", str(self))


def demand_known(request: Any, *names: str, every: Sequence[str] = OF_EVERY_LIST, several: Sequence[str] = ()) -> None:
    """Raises `Wrong` where a parameter is neither of `names` nor of `every`, or is there twice and not of `several`."""
    known = (*every, *names)
    for name, values in request.GET.lists():
        if name not in known:
            expected = f"expected one of {', '.join(known)}" if known else "it takes none"
            raise Wrong(f"{name[:40]!r} is no parameter of this address: {expected}.")
        if len(values) > 1 and name not in several:
            raise Wrong(f"{name}: expected once, found {len(values)} times.")
