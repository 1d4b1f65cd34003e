"""What a report says, one thing at a time. Formats make observations; `match` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class Observation:
    """One thing that a report says.

    `key` is stable inside the report (a JSON Pointer, or `line:N` in a text), so that attaching twice changes nothing.
    `names` is the case that the sender believes it to be, '' where the sender does not say.
    `fingerprint` groups like observations that match nothing. `area` is '' where a run was not made, `freed_seconds`
    None where unknown. `worked_…`: did the operation as a whole (block offline, CMA allocation, order-9 allocation)
    succeed before, while and after the hold; None where the mover has no such result, or it is not known.
    `marks`, sorted, is what signatures are held against (rules.marks), empty for a run; `says` is a sentence for
    people, '' for a run. `seen_at`: when it was seen, as the sender wrote it (RFC 3339), '' where nothing says so.
    `beside`: what the sender keeps with it (an id, the address of its log), as JSON; '' for nothing.
    """

    key: str
    kind: str
    names: str
    release: str
    label: str
    architecture: str
    mover: str
    migrate_mode: str
    area: str
    environment: str
    outcome: str
    freed_seconds: Optional[float]
    fingerprint: str
    worked_before: Optional[bool] = None
    worked_while_held: Optional[bool] = None
    worked_after: Optional[bool] = None
    marks: Tuple[str, ...] = ()
    says: str = ""
    seen_at: str = ""
    beside: str = ""


@dataclass(frozen=True)
class Context:
    """What a sender says of a text beside it; '' where the text itself must tell, or nobody does."""

    release: str = ""
    label: str = ""
    architecture: str = ""
    environment: str = "host"
