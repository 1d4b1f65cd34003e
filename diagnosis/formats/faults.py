"""What is wrong with something that was sent, said so that its sender can mend it.

Unreadable            the bytes are not what they claim to be, or do not say what they must
  .code               one of CODES, for machines
  .faults             where, what was expected, what was found
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence, Tuple

# Code: its title, and what its sender can do. Whoever receives reports shows both, and keeps bytes that have one.
CODES: Mapping[str, Tuple[str, str]] = {
    "not-json": ("The body is not JSON.", "Mend it at line:column, and send it again with the same run id."),
    "not-ktap": ("The body is not KTAP.", "It begins with `KTAP version 1`, or `TAP version 13` or 14."),
    "not-ltp": ("The body is not of LTP.", "Lines such as `name.c:80: TPASS: …`, runltp's log, or kirk's JSON."),
    "not-junit": ("The body is not JUnit XML.", "A `testsuites` or `testsuite` element, without DTD or entities."),
    "wrong-shape": (
        "Fields are missing or of the wrong type.",
        "Each error names a field by its JSON Pointer. The JSON Schema lists them all.",
    ),
    "contradiction": (
        "The fields contradict one another.",
        "The numbers of pages decide the outcome, not the word. Send what was counted.",
    ),
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
