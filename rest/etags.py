"""ETags. Every GET and HEAD of the API carries one (config.middleware.heads hashes what a view sends, unless the view
set its own) and answers 304 to an `If-None-Match` that names it. Writes demand theirs with `demand_match`.

Unmatched     no `If-Match` where one is needed (428), or one that names another state (412)
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.utils.http import parse_etags
from rest_framework.request import Request

from rest import problems


class Unmatched(problems.Documented):
    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(detail)

    def document(self) -> dict[str, Any]:
        return problems.of_code(self.code, self.detail)


def tag(*parts: object) -> str:
    """A strong ETag, quoted: equal exactly where all `parts` are written alike."""
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}"'


def demand_match(request: Request, current: str) -> None:
    """Lets a write through only where its `If-Match` names `current`, the quoted ETag of what it would change.

    Compares strongly (RFC 9110, 13.1.1): a weak tag never matches. Raises `Unmatched`.
    """
    given = request.headers.get("If-Match", "").strip()
    if not given:
        raise Unmatched("no-if-match", "If-Match: expected the ETag of what you read, found nothing.")
    if given != "*" and current not in parse_etags(given):
        detail = f"If-Match: expected {current}, found {given[:80]}. Read it again, and put your change on top."
        raise Unmatched("if-match-failed", detail)
