"""Which parameters a list of the API takes. One that is misspelt would otherwise be answered with everything."""

from __future__ import annotations

from rest_framework.exceptions import ParseError
from rest_framework.request import Request

OF_EVERY_LIST = ("limit", "cursor")


def demand_known(request: Request, *names: str) -> None:
    """Raises `ParseError` where the address has a parameter that is neither of these nor of every list."""
    known = (*OF_EVERY_LIST, *names)
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        raise ParseError(f"{unknown[0][:40]!r} is no parameter of this list: expected one of {', '.join(known)}.")
