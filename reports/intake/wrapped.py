"""A line of a batch with what another tool printed, and beside it what a request of its own would say."""

from __future__ import annotations

from typing import Any

from diagnosis.formats import shape
from diagnosis.formats.faults import Fault, Unreadable
from diagnosis.formats.format import Given
from people.access.authentication import Sender
from reports.intake import on_behalf, submission
from reports.intake.formats import registry
from reports.intake.refusals import Refusal
from reports.intake.submission import GIVEN, Sending

NAMES = ("format", "run_id", "idempotency_key", "machine", "body", *GIVEN)


def is_wrapped(line: bytes) -> bool:
    """Whether it may be one: no native report has a `body`."""
    return b'"body"' in line


def sending(sender: Sender, line: bytes) -> Sending | None:
    """None where it is none after all. Raises `Refusal`, naming every field that is wrong."""
    try:
        document = shape.load(line)
    except Unreadable as error:
        raise Refusal(error.code, error.faults) from None
    if not isinstance(document, dict) or "body" not in document:
        return None
    faults = [Fault(f"/{name}", f"one of {', '.join(NAMES)}", "this name") for name in set(document) - set(NAMES)]
    faults += [
        Fault(f"/{name}", "text", type(value).__name__)
        for name, value in document.items()
        if not isinstance(value, str)
    ]
    if document.get("format") not in registry.FORMATS:
        faults.append(Fault("/format", f"one of {', '.join(registry.FORMATS)}", repr(document.get("format"))[:60]))
    if faults:
        raise Refusal("wrong-shape", faults[:50])
    chosen = registry.FORMATS[document["format"]]
    given: dict[str, Any] = {name: document[name] for name in GIVEN if name in document}
    submission.check_given(given)
    return Sending(
        machine=on_behalf.machine_of(sender, document.get("machine", "")),
        body=document["body"].encode(),
        media_type=chosen.media_types[0],
        idempotency_key=document.get("idempotency_key"),
        run_id=document.get("run_id"),
        format=chosen.name,
        given=Given(**given),
    )
