"""JSON that people and programs send, within bounds of size and depth: what is no such JSON is the sender's to mend."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

MAX_BYTES = 256 << 10
MAX_DEPTH = 32


class BoundedJSONParser(JSONParser):
    """The framework's own reads a body of any size, makes infinity of 1e400, and answers 500 where nesting is deep."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise ParseError(f"JSON parse error - expected up to {MAX_BYTES} bytes")
        try:
            value = json.loads(body.decode(), parse_float=_finite, parse_constant=_finite)
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from None
        except RecursionError:
            raise _too_deep() from None
        if _is_deeper(value, MAX_DEPTH):
            raise _too_deep()
        return value


def _too_deep() -> ParseError:
    return ParseError(f"JSON parse error - expected nesting of up to {MAX_DEPTH} levels")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is no number")
    return number


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    items = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(item, levels - 1) for item in items)
