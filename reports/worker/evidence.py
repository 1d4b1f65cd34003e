"""What is attached to a case, and why: evidence changes together with the tallies, in one transaction."""

from __future__ import annotations

from django.db import connection, transaction

from catalog.models import Case
from diagnosis.matching.match import Match
from diagnosis.matching.observation import Observation as Said
from people import journal
from people.models import Standing, User
from reports.models import Evidence, Judgment, Observation, Report
from reports.totals import recounts, tallies
from reports.totals.copy_rows import OBSERVATION, EvidenceRow, copy, of_evidence, of_observation
from reports.worker import kernel_builds, news

Found = list[tuple[Said, list[Match]]]


def attach(found: dict[Report, Found]) -> None:
    """Makes the evidence of these reports exactly what was found in them. Call it in a transaction.

    Attaching the same again changes nothing. Observations and evidence of an earlier reading are replaced.
    """
    if not found:
        return
    trusted = hold_standing({report.machine_id for report in found})
    read_before = [report.id for report in found if report.settled_at]
    before = list(Evidence.objects.counted().filter(report__in=read_before)) if read_before else []
    if read_before:
        Evidence.objects.filter(report__in=read_before).delete()
        Observation.objects.filter(report__in=read_before).delete()
    said = [(report, one, matches) for report, pairs in found.items() for one, matches in pairs]
    builds = kernel_builds.named({(one.release, one.label) for _, one, _ in said})
    slugs = {match.case for _, _, matches in said for match in matches}
    cases = dict(Case.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    rows = [
        of_evidence(report, one, match, cases[match.case], builds[one.release, one.label])
        for report, one, matches in said
        for match in matches
        if match.case in cases
    ]
    copy(Observation, OBSERVATION, (of_observation(*one, builds[one[1].release, one[1].label]) for one in said))
    copy(Evidence, EvidenceRow._fields, rows)
    again = set(read_before)
    fresh = [row for row in rows if row.machine_id in trusted and row.report_id not in again]
    added: list[Evidence | EvidenceRow] = [*fresh]
    if read_before:  # only these can have been judged
        added += Evidence.objects.counted().filter(report__in=read_before)
    tallies.count(removed=before, added=added)
    news.tell(fresh, {pk: name for name, pk in builds.items()})
    counts = {report for report in found if report.machine_id in trusted and report.id not in again}
    news.tell_of_the_unmatched(
        {one.fingerprint: (report, one) for report, one, m in said if not m and report in counts}
    )


def detach(report: Report) -> None:
    """Takes away what a report says and what it was attached to. Call it with the report locked."""
    hold_standing({report.machine_id})
    mine = Evidence.objects.filter(report=report)
    before = list(mine.counted())
    mine.delete()
    Observation.objects.filter(report=report).delete()
    tallies.count(removed=before, added=[])


def hold_standing(machines: set[int]) -> set[int]:
    """What of these machines' new evidence counts; that stays so until the transaction ends. In one order: no deadlock.

    While a machine's tallies are being taken out, nothing of it does: it is counted after that.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [list(machines)])
        rows = cursor.fetchall()
    return {pk for pk, standing, until in rows if standing == Standing.TRUSTED and until != recounts.ALL}


_STANDING = "SELECT id, standing, uncounted_until FROM people_machine WHERE id = ANY(%s) ORDER BY id FOR SHARE"


@transaction.atomic
def judge(report: Report, key: str, case: Case, person: User, stands: bool, note: str = "") -> Judgment:
    """A person's word on one piece of evidence. Refuted evidence stays, and stops counting.

    By its key, not by its row: a report that is read again gets new rows.
    """
    Report.objects.select_for_update(no_key=True).get(pk=report.pk)
    hold_standing({report.machine_id})
    mine = Evidence.objects.filter(report=report, key=key, case=case)
    before = list(mine.counted())
    judgment, _ = Judgment.objects.update_or_create(
        report=report, key=key, case=case, defaults={"stands": stands, "note": note, "person": person}
    )
    tallies.count(removed=before, added=mine.counted())
    journal.record("evidence.judged", "report", str(report.pk), person, key=key, case=case.slug, stands=stands)
    return judgment
