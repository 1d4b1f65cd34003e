"""From a page dump to its verdict: rules in order, the first that holds decides.

A dump is a snapshot that the mover prints after it has given up on a folio. What it shows may have changed since the
attempt; what stays the same over many dumps of one page is what holds it.
"""

from __future__ import annotations

from typing import Callable, Tuple

from diagnosis.rules.page_dump import holds, refusals
from diagnosis.rules.page_dump.dump import OFFLINE, Dump, Made, verdict
from diagnosis.rules.verdict import Reason, Verdict

RULES: Tuple[Callable[[Dump], Made], ...] = (*refusals.RULES, *holds.RULES)


def judged(dump: Dump) -> Verdict:
    """The verdict on one page dump. There always is one: `none of the known` is a verdict too."""
    for rule in RULES:
        found = rule(dump)
        if found is not None:
            return found
    return _none(dump)


def _none(dump: Dump) -> Verdict:
    reasons, locked = [], dump.at("flag:locked")
    refs = dump.references
    if refs is None and dump.record.get("poisoned"):
        sentence = "The kernel has never set this page up, or has taken it down: nothing can be said of who holds it."
    elif refs is None:
        sentence = "This dump is cut short: without a reference count nothing can be said."
    elif refs.total == 0:
        sentence = "The page was free when the kernel printed this: nothing holds it any more."
    elif refs.left is None:
        sentence = "The references of this folio cannot be taken apart: %s." % refs.unknown
    elif refs.left < 0:
        sentence = "The counts contradict one another: the folio changed while it was dumped, or two dumps are mixed."
    elif dump.has_surplus:
        sentence = "None of the known: %s has references that nothing explains, and no line says that a move failed."
        sentence %= dump.noun
    else:
        sentence = "None of the known: every reference of %s is accounted for." % dump.noun
        reasons.append(
            Reason(
                "Whatever was in the way was no reference, or was gone when the kernel printed this.",
                dump.record.places("refcount"),
            )
        )
        if dump.has("flag:locked"):
            reasons.append(Reason("Its lock is held: by the mover still, or by whoever was quicker.", locked))
    sources = () if dump.mover == "cma" else (OFFLINE,)
    return verdict(dump, "none", "", sentence, reasons, *sources, proved=False)
