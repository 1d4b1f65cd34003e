"""What a request sends, before it is kept: its decoded body, and what headers and parameters say of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import UUID

from diagnosis.formats import envelope
from diagnosis.formats.faults import Fault
from diagnosis.formats.format import Format, Given
from diagnosis.words.vocabulary import ENVIRONMENTS
from people.models import Machine
from reports.intake.formats import registry
from reports.intake.refusals import Refusal
from reports.recorded.files import Recording

_RUN_ID = re.compile(r"[A-Za-z0-9._:-]{8,100}")
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
GIVEN: dict[str, tuple[re.Pattern[str], str]] = {
    "kernel": (re.compile(r"[\x21-\x7e]{1,120}"), "what `uname -r` prints, up to 120 characters"),
    "architecture": (re.compile(r"[a-z0-9_]{1,32}"), "what `uname -m` prints"),
    "label": (re.compile(r"[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]{1,80}"), "up to 80 characters"),
    "environment": (re.compile("|".join(ENVIRONMENTS)), "one of " + ", ".join(ENVIRONMENTS)),
}


@dataclass(frozen=True)
class Sending:
    """`run_id` and `idempotency_key` are from headers; a format's own run id stands in the body. `recording`: where
    it came from a file of ours."""

    machine: Machine
    body: bytes
    media_type: str
    idempotency_key: str | None = None
    run_id: str | None = None
    format: str = ""
    given: Given = field(default_factory=Given)
    recording: Recording | None = None

    @property
    def stored_given(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self.given).items() if value}


@dataclass(frozen=True)
class Parcel:
    """A checked sending, packed."""

    id: UUID
    sending: Sending
    format: str
    run_id: str | None
    sha256: str
    packed: bytes


def key_in(header: str | None) -> str | None:
    """The key of an Idempotency-Key header: its draft quotes it, most clients send it bare, and both are one key."""
    quoted = _QUOTED.fullmatch(header or "")
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else header


def given_in(query: Mapping[str, str]) -> Given:
    """What the query says of the kernel. Raises `Refusal`, naming every parameter that is wrong."""
    faults = []
    for name, (regex, expected) in GIVEN.items():
        if name in query and not regex.fullmatch(query[name]):
            faults.append(Fault(name, expected, repr(query[name][:60])))
    if faults:
        raise Refusal("bad-parameter", faults)
    return Given(**{one.name: query.get(one.name, "") for one in fields(Given)})


def format_of(sending: Sending) -> Format:
    """The format of the body, with all that it needs said. Raises `Refusal`."""
    chosen = registry.of(sending.media_type, sending.format)
    if chosen is None and sending.format:
        raise Refusal("unknown-format", [Fault("format", _one_of(registry.FORMATS), repr(sending.format[:40]))])
    if chosen is None:
        kinds = _one_of(registry.MEDIA_TYPES)
        raise Refusal("unknown-media-type", [Fault("Content-Type", kinds, sending.media_type[:80] or "nothing")])
    missing = [name for name in chosen.needs if not getattr(sending.given, name)]
    if missing:
        why = f"to be said: {chosen.title} does not name it"
        raise Refusal("bad-parameter", [Fault(name, why, "nothing") for name in missing])
    return chosen


def run_id_of(sending: Sending, own: str) -> str | None:
    """By which id this run is known again: the body's own, or else the header Run-Id, which a CI sends with whatever it
    sends. Raises `Refusal`."""
    header, key = sending.run_id, sending.idempotency_key
    if header is not None and not _RUN_ID.fullmatch(header):
        raise Refusal("bad-run-id", [Fault("Run-Id", "8 to 100 letters, digits and . _ : -", repr(header[:60]))])
    if not own and not header and not key:
        raise Refusal("no-run-id", [Fault("Run-Id", "a Run-Id or an Idempotency-Key of this run", "neither")])
    return own or header


def check_key(key: str | None) -> None:
    if key is not None and not (0 < len(key) <= 200 and key.isascii() and key.isprintable()):
        fault = Fault("Idempotency-Key", "1 to 200 printable ASCII characters", f"{len(key)} characters")
        raise Refusal("bad-key", [fault])


def native(machine: Machine, body: bytes, recording: Recording | None = None) -> Sending:
    """A native report that came without a request of its own: a line of a batch, or a recorded one."""
    return Sending(machine, body, envelope.MEDIA_TYPE, recording=recording)


def _one_of(known: Mapping[str, object]) -> str:
    return "one of " + ", ".join(known)
