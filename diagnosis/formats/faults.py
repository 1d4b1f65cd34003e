"""What is wrong with something that was sent, said so that its sender can mend it.

Unreadable            the bytes are not what they claim to be, or do not say what they must
  .code               one of CODES, for machines
  .faults             where, what was expected, what was found
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence, Tuple

CODES: Mapping[str, str] = {
    "not-json": "The body is not JSON.",
    "wrong-shape": "The body is JSON, but fields are missing or of the wrong type.",
    "not-ktap": "The body is not KTAP.",
    "contradiction": "The fields contradict one another.",
}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. `where` is a JSON Pointer (RFC 6901), or `line:column` for text."""

    where: str
    expected: str
    found: str


class Unreadable(Exception):
    def __init__(self, code: str, faults: Sequence[Fault]) -> None:
        if code not in CODES:
            raise ValueError("no such code: " + code)
        self.code = code
        self.faults: Tuple[Fault, ...] = tuple(faults)
        super().__init__(
            "; ".join("%s: expected %s, found %s" % (f.where or "the body", f.expected, f.found) for f in faults)
        )
