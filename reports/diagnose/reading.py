"""Reads texts that strangers sent. Pure and without Django, so that a helper process can do it (rest.bounds).

Read    one report: its observations with what they match, or why it cannot be read
Told    a diagnosis as it is shown: without what nobody looks at, since it travels between processes
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import zstandard

from diagnosis.answers import plain
from diagnosis.diagnose import diagnose
from diagnosis.formats import envelope, redact
from diagnosis.formats.faults import Fault, Unreadable
from diagnosis.formats.format import Format, Given, Note
from diagnosis.kernels import releases
from diagnosis.matching import match as matching
from diagnosis.matching import naming
from diagnosis.matching.match import Match, Signature
from diagnosis.matching.observation import Observation
from diagnosis.rules.verdict import Diagnosis
from reports.diagnose import redacted
from reports.diagnose.annotated_log import Gap, ShownLine, marked
from reports.intake.formats import registry

MOST_FINDINGS = 40
MOST_RECORDS = 200
LINES, PLAIN, RECORDS = "lines", "plain", "records"


@dataclass
class Read:
    found: list[tuple[Observation, list[Match]]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    origin: dict[str, str] = field(default_factory=dict)
    code: str = ""
    faults: tuple[Fault, ...] = ()
    traceback: str = ""


@dataclass(frozen=True)
class Told:
    """`diagnosis` has no text, MOST_FINDINGS findings, and records only for whom wants RECORDS."""

    diagnosis: Diagnosis
    nr_records: int
    lines: list[ShownLine | Gap]
    plain: str


def told(text: str | bytes, signatures: Sequence[Signature], release: str, wanted: str) -> Told:
    """`wanted`: the marked LINES for a page, PLAIN text, or RECORDS."""
    made = diagnose(text, signatures, release)
    lines = marked(made) if wanted == LINES else []
    shown = plain.shown(made) if wanted == PLAIN else ""
    records = made.records[:MOST_RECORDS] if wanted == RECORDS else ()
    kept = replace(made, text="", records=records, findings=made.findings[:MOST_FINDINGS])
    return Told(kept, len(made.records), lines, shown)


@dataclass(frozen=True)
class Sent:
    """A report as it is stored: `packed` as `packing.packed` made it, `given` for a `Given`. `is_checked`: its format's
    `check` let these bytes through, and nothing was wrong with them since."""

    format: str
    packed: bytes
    given: Mapping[str, str]
    is_checked: bool = False


def observed(sent: Sequence[Sent], known: Sequence[Signature]) -> list[Read]:
    """Parses and matches. Whatever goes wrong with one report is filed with it, and hurts no other."""
    index = matching.Index(known)
    return [_observed(one, index) for one in sent]


def _observed(one: Sent, known: matching.Index) -> Read:
    try:
        body = zstandard.ZstdDecompressor().decompress(one.packed)
        form, given = registry.FORMATS[one.format], Given(**one.given)
        said = _said(form, body, given, one.is_checked)
        notes = form.notes(body, given) or [Note("nothing-recognised")] * (not said)
        origin = {name: redact.text(value) for name, value in form.origin(body, given).items()}
        found = [(observation, matching.match(observation, known)) for observation in map(_spelt, said)]
        return Read(found, notes, origin)
    except Unreadable as error:
        return Read(code=error.code, faults=error.faults)
    except Exception:
        return Read(traceback=traceback.format_exc())


def _said(form: Format, body: bytes, given: Given, is_checked: bool) -> list[Observation]:
    if is_checked and form.checked is not None:
        with suppress(
            Exception
        ):  # an earlier release's check let through what is a fault today: it is looked for below
            return form.checked(body, given)
    return form.observations(body, given)


def _spelt(said: Observation) -> Observation:
    """With kernel and architecture by the one name that each has, whoever says it."""
    release, architecture = releases.identity(said.release), releases.architecture(said.architecture)
    if (release, architecture) == (said.release, said.architecture):
        return said
    return replace(said, release=release, architecture=architecture)


def marked_log(body: bytes) -> list[ShownLine | Gap]:
    """A stored log, redacted, with marks on what was read in it."""
    return marked(diagnose(redacted.preview(body.decode("utf-8", "replace")).text))


def scrubbed(body: bytes) -> envelope.Envelope | None:
    """A stored native report, redacted again: the sender's own redaction is not relied on."""
    try:
        return envelope.read(
            naming.straight(json.dumps(redact.envelope(json.loads(body)), ensure_ascii=False)).encode()
        )
    except (Unreadable, ValueError):
        return None
