"""How much is kept of somebody whom nobody trusts yet: so many bytes and refused rows a day, however many machines.

A limit counts requests; what fills a disk is bytes, and rows of which 56 bytes made ten thousand. Both are leased by
`rest.bounds.limits`, in blocks, under the owner's number: what a machine that is trusted sends is not counted at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from diagnosis.formats import envelope
from diagnosis.formats.faults import Fault
from people.models import Machine
from reports.intake.refusals import Refusal
from rest.bounds import limits

BYTES, REJECTED = "new-bytes", "new-rejected"
ROW_BYTES = 1_000  # what a row and its place in the indices take, beside the body
RESULT_BYTES = 500  # likewise of an observation: 68 kB of KTAP made 5,000, and 2.5 MB
# Without which there is no result. In other formats a body has no more observations than its size pays for.
RESULT_MARKS: dict[str, tuple[bytes, ...]] = {
    "ktap": (b"\n",),
    "ltp": (b"\n", b"{"),
    "kcidb": (b"{",),
    envelope.NAME: (b"{",),
    "junit": (b"<",),
    "kernel-log": (b"ok", b"1..", b".c:", b".h:", b"tag="),
}


class OverQuota(Refusal):
    """Nothing was kept. `headers` say when there is more."""

    def __init__(self, spent: limits.Exhausted, what: str) -> None:
        until = timezone.now() + timedelta(seconds=spent.wait_seconds)
        most = f"up to {spent.limit.units} {what} in {spent.limit.seconds} s of all machines of one person together"
        expected = f"{most}, until a maintainer trusts them ({spent.name})"
        super().__init__("over-quota", [Fault("", expected, f"more; wait until {until:%Y-%m-%d %H:%M} UTC")])
        self.headers = {"Retry-After": str(spent.wait_seconds)}


@dataclass(frozen=True)
class Quota:
    """Of one person; `owner` None is nobody's, and has no end."""

    owner: int | None = None

    @property
    def most_rejected(self) -> int | None:
        """How many lines of one batch may be bad, None where any number may."""
        return None if self.owner is None or REJECTED not in settings.LIMITS else settings.LIMITS[REJECTED][0]

    def keep(self, body: bytes, format: str = envelope.NAME) -> None:
        """Takes the room for a body, and for as many results as it may hold. Raises `OverQuota`."""
        if self.owner is not None:
            self._spend(BYTES, nr_bytes_of(body, format), "bytes")

    def reject(self, nr_rows: int = 1) -> None:
        """Takes the room for rows of what was refused. Raises `OverQuota`."""
        if nr_rows:
            self._spend(REJECTED, nr_rows, "refused reports")

    def _spend(self, name: str, units: int, what: str) -> None:
        if self.owner is None:
            return
        try:
            limits.spend(None, name, units, who=f"owner {self.owner}")
        except limits.Exhausted as spent:
            raise OverQuota(spent, what) from None


def nr_bytes_of(body: bytes, format: str) -> int:
    """What a body takes once it was read, at the most: a row, and one for each result that it may hold."""
    nr_results = sum(body.count(mark) for mark in RESULT_MARKS.get(format, ()))
    return len(body) + ROW_BYTES + nr_results * RESULT_BYTES


UNBOUNDED = Quota()


def of(machine: Machine) -> Quota:
    return UNBOUNDED if machine.is_trusted else Quota(machine.owner_id)
