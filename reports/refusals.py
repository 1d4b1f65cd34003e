"""Why a report is not taken: one table, for problem documents, receipts and `rejected` rows alike.

Refusal       .code, .faults; `.document()` is the RFC 9457 problem document
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from diagnosis import scrub
from diagnosis.faults import Fault
from rest import problems


@dataclass(frozen=True)
class Kind:
    status: int
    title: str


KINDS: dict[str, Kind] = {
    "not-json": Kind(422, "The body is not JSON."),
    "not-ktap": Kind(422, "The body is not KTAP."),
    "wrong-shape": Kind(422, "Fields are missing or of the wrong type."),
    "contradiction": Kind(422, "The fields contradict one another."),
    "too-large": Kind(413, "The body is too large."),
    "wrongly-compressed": Kind(422, "The body cannot be decompressed."),
    "no-text": Kind(422, "There is no text to read."),
    "no-length": Kind(411, "The request does not say how long it is."),
    "unknown-encoding": Kind(415, "This content encoding is not understood."),
    "unknown-media-type": Kind(415, "This media type is not understood."),
    "unknown-format": Kind(415, "This format is not understood."),
    "bad-parameter": Kind(422, "A parameter of the address is missing or wrong."),
    "too-many-lines": Kind(413, "The batch has too many lines."),
    "no-run-id": Kind(422, "Two runs may print the same, and nothing says which this is."),
    "bad-run-id": Kind(422, "The Run-Id cannot be used."),
    "bad-key": Kind(422, "The Idempotency-Key cannot be used."),
    "key-reused": Kind(422, "This Idempotency-Key came before, with another body."),
    "run-id-reused": Kind(422, "This run id came before, with another body."),
}


class Refusal(problems.Documented):
    def __init__(self, code: str, faults: Sequence[Fault]) -> None:
        self.code = code
        self.faults = tuple(faults)
        super().__init__(f"{KINDS[code].title} {'; '.join(f'{f.where}: expected {f.expected}' for f in faults)}")

    def document(self, hidden: bool = False) -> dict[str, Any]:
        """`hidden`: for everybody's eyes, without what is private in the values that were found."""
        kind = KINDS[self.code]
        faults = [replace(fault, found=scrub.text(fault.found)) if hidden else fault for fault in self.faults]
        first = faults[0]
        detail = f"{first.where + ': ' if first.where else ''}expected {first.expected}, found {first.found}"
        return {
            "type": f"/problems/#{self.code}",
            "title": kind.title,
            "status": kind.status,
            "detail": detail,
            "code": self.code,
            "errors": [asdict(fault) for fault in faults],
        }
