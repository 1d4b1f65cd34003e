"""Keeping what was sent. When `take` returns, the bytes are committed and survive whatever comes.

Nothing is looked up in the catalog here: a report of an unknown case is a good report.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import zstandard
from django.db import IntegrityError, transaction
from django.utils import timezone

from diagnosis.faults import Fault, Unreadable
from diagnosis.formats import envelope
from people.models import Machine
from reports.models import Payload, Report, State
from reports.recorded import Recording
from reports.refusals import Refusal

ZSTD_LEVEL = 3
# The bytes of these are kept; of the others the reason tells all there is to know.
READABLE_LATER = ("not-json", "wrong-shape", "contradiction")


@dataclass(frozen=True)
class Sending:
    """A request's decoded body and what its headers say of it. `recording`: where it came from a file of ours."""

    machine: Machine
    body: bytes
    media_type: str
    idempotency_key: str | None
    recording: Recording | None = None


def take(sending: Sending) -> tuple[Report, bool]:
    """Checks and commits. Returns the report and whether it is new; the same sending again gives the old one.

    Raises `Refusal` after a `rejected` row is committed.
    """
    try:
        run_id = _checked(sending)
        return _kept(sending, run_id)
    except Refusal as refusal:
        reject(sending.machine, sending.media_type, sending.body, refusal)
        raise


def reject(machine: Machine, media_type: str, body: bytes | None, refusal: Refusal) -> Report:
    """A row for what was turned away. It holds no run id and no key: the mended report may use them."""
    with transaction.atomic():
        report = Report.objects.create(
            machine=machine,
            media_type=media_type[:80],
            size_bytes=len(body or b""),
            sha256=hashlib.sha256(body or b"").hexdigest(),
            state=State.REJECTED,
            settled_at=timezone.now(),
            reason=refusal.document(hidden=True),
        )
        if body and refusal.code in READABLE_LATER:
            Payload.objects.create(report=report, body=packed(body))
    return report


def packed(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)


def unpacked(payload: Payload) -> bytes:
    return zstandard.ZstdDecompressor().decompress(bytes(payload.body))


def _checked(sending: Sending) -> str:
    """The run id of a good body."""
    if sending.media_type != envelope.MEDIA_TYPE:
        fault = Fault("Content-Type", envelope.MEDIA_TYPE, sending.media_type[:80] or "nothing")
        raise Refusal("unknown-media-type", [fault])
    key = sending.idempotency_key
    if key is not None and not (0 < len(key) <= 200 and key.isascii() and key.isprintable()):
        raise Refusal(
            "bad-key", [Fault("Idempotency-Key", "1 to 200 printable ASCII characters", f"{len(key)} characters")]
        )
    try:
        return envelope.read(sending.body).run_id
    except Unreadable as error:
        raise Refusal(error.code, error.faults) from None


def _kept(sending: Sending, run_id: str) -> tuple[Report, bool]:
    digest = hashlib.sha256(sending.body).hexdigest()
    try:
        with transaction.atomic():
            report = Report.objects.create(
                machine=sending.machine,
                media_type=sending.media_type,
                format=envelope.NAME,
                size_bytes=len(sending.body),
                sha256=digest,
                run_id=run_id,
                idempotency_key=sending.idempotency_key,
                recorded_at=sending.recording and sending.recording.recorded_at,
                command=sending.recording.command if sending.recording else "",
            )
            Payload.objects.create(report=report, body=packed(sending.body))
        return report, True
    except IntegrityError:
        return _earlier(sending, run_id, digest), False


def _earlier(sending: Sending, run_id: str, digest: str) -> Report:
    """What stands in the way of the insert: the same thing, sent before; or another under the same name."""
    mine = Report.objects.filter(machine=sending.machine)
    by_key = mine.filter(idempotency_key=sending.idempotency_key).first() if sending.idempotency_key else None
    for earlier, code, where in (
        (by_key, "key-reused", "Idempotency-Key"),
        (mine.filter(run_id=run_id).first(), "run-id-reused", "/run_id"),
    ):
        if earlier is None:
            continue
        if earlier.sha256 != digest:
            fault = Fault(where, f"the same body as report {earlier.id}, or a new one here", "another body")
            raise Refusal(code, [fault])
        return earlier
    raise RuntimeError("a report was in the way, and is gone: send it again")
