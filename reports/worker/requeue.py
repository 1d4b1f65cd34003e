"""Reports that are to be read again, however many: the act is written down, and worked off in slices.

A slice puts the next reports, in the order of ids, back into the queue and moves the cursor, in one transaction; a
worker that dies loses its slice, and the next one goes on. The first slice is done with the act: few are done at once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl

from django.db import transaction
from django.db.models import Q, QuerySet

from catalog.models import Case
from people import journal
from people.models import User
from reports.models import Evidence, Observation, Report, Requeue
from reports.worker import filters, kernel_builds, replay

SLICE = 1_000
RESPELT = "one name for one kernel"


@dataclass(frozen=True)
class Chosen:
    """Which reports: whatever one of these names.

    `pick`: the words of an address, as `picking` reads them. `fingerprint`: with an observation that looks like this.
    `case`: with something that this case's signature proved. `reports`: these. `misspelt`: of a kernel or an
    architecture that has another name today.
    """

    pick: str = ""
    fingerprint: str = ""
    case: int | None = None
    reports: tuple[str, ...] = ()
    every: bool = False
    misspelt: bool = False


def ask(chosen: Chosen, person: User | None = None, why: str = "by hand") -> int:
    """Has them read again. Returns how many there are; those beyond a slice are queued later, by `one_slice`."""
    with transaction.atomic():
        row = Requeue.objects.create(person=person, why=why[:100], chosen=asdict(chosen))
        row.refresh_from_db()
        return _go_on(row) + (nr_left(row) if row.pk else 0)


def respell() -> int:
    """Has what was stored under another spelling of its kernel read again. Returns how many reports there are.

    Asked again and again, since an earlier release's workers may write more of them; a migration would come too early,
    and would have to add tallies up by itself.
    """
    if Requeue.objects.filter(why=RESPELT).exists():
        return 0
    if not replay.replayable(Report.objects.filter(kernel_builds.misspelt())).exists():
        return 0
    return ask(Chosen(misspelt=True), why=RESPELT)


@transaction.atomic
def one_slice() -> bool:
    """A slice of some act. Returns whether there was one. In no order: one that fails stops no other."""
    row = Requeue.objects.select_for_update(no_key=True, skip_locked=True).order_by("?").first()
    if row is None:
        return False
    _go_on(row)
    return True


def _go_on(row: Requeue) -> int:
    """Does a slice, and returns how many of the act are done. The row is gone when all are."""
    ids = list(_left(row).order_by("pk").values_list("pk", flat=True)[:SLICE])
    row.nr_done += replay.queue(ids)
    if len(ids) == SLICE:
        row.cursor = ids[-1]
        row.save(update_fields=["cursor", "nr_done"])
        return row.nr_done
    if row.nr_done:
        journal.record("reports.replayed", "report", row.why, row.person, nr_reports=row.nr_done)
    row.delete()
    return row.nr_done


def nr_left(row: Requeue) -> int:
    return _left(row).count()


def nr_left_of_all() -> int:
    return sum(nr_left(row) for row in Requeue.objects.all())


def _left(row: Requeue) -> QuerySet[Report]:
    """What is at rest and not queued yet. What came in after the act was read with what the act changed."""
    rows = replay.replayable(Report.objects.filter(_chosen(row), received_at__lte=row.at))
    return rows.filter(pk__gt=row.cursor) if row.cursor else rows


def _chosen(row: Requeue) -> Q:
    chosen = Chosen(**row.chosen)
    wanted = Q(pk__in=chosen.reports)
    if chosen.every:
        wanted = Q()
    if pick := filters.read(dict(parse_qsl(chosen.pick))) if chosen.pick else None:
        cases = Case.objects.visible_to(row.person, proposals=True) if row.person else Case.objects.all()
        wanted |= Q(pk__in=pick.rows(cases).values("pk"))
    if chosen.fingerprint:
        wanted |= Q(pk__in=Observation.objects.filter(fingerprint=chosen.fingerprint).values("report"))
    if chosen.misspelt:
        wanted |= kernel_builds.misspelt()
    if chosen.case:
        wanted |= Q(pk__in=Evidence.objects.filter(case=chosen.case, rule="proved").values("report"))
    return wanted
