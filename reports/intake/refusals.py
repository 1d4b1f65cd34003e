"""Why a report is not taken: one table, for problem documents, receipts and `rejected` rows alike. What a format finds
wrong with a body stands in `diagnosis.formats.faults.CODES`.

Refusal       .code, .faults; `.document()` is the RFC 9457 problem document
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from diagnosis.formats import redact
from diagnosis.formats.faults import CODES, Fault
from rest import problems
from rest.problems import Kind

# The place and what was expected stand in `errors`.
KINDS: dict[str, Kind] = {
    **{code: Kind(422, title, remedy) for code, (title, remedy) in CODES.items()},
    "too-large": Kind(413, "The body is too large.", "Send it in several reports. The limit counts the body unpacked."),
    "wrongly-compressed": Kind(
        422,
        "The body cannot be decompressed.",
        "Content-Encoding has to say how the body is packed, and the stream has to be whole.",
    ),
    "no-text": Kind(
        422, "There is no text to read.", "Whatever wrote it wrote nothing: look at the command before curl."
    ),
    "too-slow": Kind(
        422,
        "Reading this takes too long.",
        "Nothing that a kernel prints does. Send the part that matters, and tell us what it was.",
    ),
    "no-length": Kind(
        411,
        "The request does not say how long it is.",
        "Send the body in one piece, with Content-Length: curl does with --data-binary @FILE.",
    ),
    "unknown-encoding": Kind(415, "This content encoding is not understood.", "Use gzip, zstd or none."),
    "unknown-media-type": Kind(
        415,
        "This media type is not understood.",
        "Say with Content-Type what the body is; curl's own choice is a form.",
    ),
    "unknown-format": Kind(415, "This format is not understood.", "Leave `format` out, or take one that is listed."),
    "bad-parameter": Kind(
        422,
        "A parameter of the address is missing or wrong.",
        "What the body does not name is said in the address: ?kernel=…&architecture=…",
    ),
    "no-reports": Kind(
        422,
        "This is no batch of reports.",
        "Each line is one native report, as JSON. Nothing was kept of it but this.",
    ),
    "over-quota": Kind(
        429,
        "So much is not kept of machines that nobody trusts yet.",
        "Send it again when Retry-After has passed, or ask a maintainer to trust the machine.",
    ),
    "too-many-lines": Kind(413, "The batch has too many lines.", "Send it in several."),
    "not-your-machine": Kind(
        403,
        "This token does not send for that machine.",
        "A token with the scope submit-for sends for all machines of its owner. Add the machine first.",
    ),
    "no-run-id": Kind(
        422,
        "Two runs may print the same, and nothing says which this is.",
        "Send a header Run-Id or Idempotency-Key that is new for each run, and the same when you send it again.",
    ),
    "bad-run-id": Kind(422, "The Run-Id cannot be used.", "8 to 100 letters, digits and . _ : -"),
    "bad-key": Kind(422, "The Idempotency-Key cannot be used.", "Choose another; the error says what it may hold."),
    "key-reused": Kind(
        422,
        "This Idempotency-Key came before, with something else.",
        "The errors name what differs: body, format, kernel, label. A new sending needs a new key. The old one stands.",
    ),
    "run-id-reused": Kind(
        422,
        "This run id came before, with something else.",
        "The errors name what differs: body, format, kernel, label. A new run needs a new run id. The old one stands.",
    ),
}


def too_slow() -> Refusal:
    return Refusal("too-slow", [Fault("", "a text that is read within some CPU seconds", "one that is not")])


class Refusal(problems.Documented):
    def __init__(self, code: str, faults: Sequence[Fault]) -> None:
        self.code = code
        self.faults = tuple(faults)
        self.instance = ""  # where the row that was kept of it can be read, once there is one
        super().__init__(f"{KINDS[code].title} {'; '.join(f'{f.where}: expected {f.expected}' for f in faults)}")

    def document(self, redacted: bool = False) -> dict[str, Any]:
        """The problem document. `redacted`: without private values, for stored and public copies."""
        kind = KINDS[self.code]
        faults = [replace(fault, found=redact.text(fault.found)) if redacted else fault for fault in self.faults]
        first = faults[0]
        detail = f"{first.where + ': ' if first.where else ''}expected {first.expected}, found {first.found}"
        document = {
            "type": f"/problems/#{self.code}",
            "title": kind.title,
            "status": kind.status,
            "detail": detail,
            "code": self.code,
            "errors": [asdict(fault) for fault in faults],
        }
        return {**document, "instance": self.instance} if self.instance else document
