"""From the call trace of a task that sleeps to its verdict: rules in order, the first that holds decides."""

from __future__ import annotations

from typing import Callable, Optional, Tuple

from diagnosis.rules.tasks import folio_waits, other_waits
from diagnosis.rules.tasks.verdicts import Made
from diagnosis.rules.trace import Trace
from diagnosis.rules.verdict import Verdict
from diagnosis.text.record import Record

RULES: Tuple[Callable[[Trace], Made], ...] = (*folio_waits.RULES, *other_waits.RULES)


def judged(record: Record, release: str = "") -> Optional[Verdict]:
    """The verdict on a task that sleeps; None where it does not, or its trace has nothing to do with moving folios.

    `release`: '' if not known. Whoever runs, was interrupted or is dead waits for nothing: no rule here sees him.
    """
    trace = Trace(record, release)
    if not trace.may_sleep:
        return None
    for rule in RULES:
        verdict = rule(trace)
        if verdict is not None:
            return verdict
    return None
