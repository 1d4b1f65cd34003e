"""Any text of a console: a kernel log, a pasted page dump, or a machine's whole output with test results in it.

What the kernel says is read by `kernel_log`; results of KTAP and of LTP where they stand in it. A text in which nothing
is recognised is a good report all the same, and says so in its receipt.
"""

from __future__ import annotations

from typing import List

from diagnosis.formats import kernel_log, ktap, ltp
from diagnosis.formats.faults import Unreadable
from diagnosis.formats.format import Format, Given
from diagnosis.matching.observation import Context, Observation


def observations(body: bytes, given: Given) -> List[Observation]:
    context = Context(given.kernel, given.label, given.architecture, given.environment)
    return _tests(body, given) + kernel_log.observations(body, context)


def _tests(body: bytes, given: Given) -> List[Observation]:
    """None where they cannot be read: whoever sends a console's text claims no format."""
    made: List[Observation] = []
    try:
        if ktap.is_in(body):
            made += ktap.tests(ktap.results(body), given)
        if ltp.is_in(body):
            made += ltp.tests(ltp.results(body), given)
    except Unreadable:
        return made
    return made


def _check(body: bytes, given: Given) -> str:
    """Any text will do, and none carries a run id."""
    return ""


FORMAT = Format(
    name="kernel-log",
    title="a kernel log, a console's output, a page dump, a stack or a trace",
    media_types=("text/plain",),
    suffix=".txt",
    needs=("kernel", "architecture"),
    check=_check,
    observations=observations,
)
