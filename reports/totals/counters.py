"""How many reports there are, by state and by machine, and how many unmatched observations look alike.

Counted as they come and go, so that a page never counts them all. A trigger writes a line with every statement that
changes a number, whoever makes it; the sums of the lines are the counts, in the same transaction. `fold` adds lines up
from time to time.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import Count, Max, Sum

from people.models import Machine
from reports.models import LedgerLine, LikenessLine, Observation, Report, State

FOLD_FROM = 200


def by_state(machine: Machine | None = None) -> dict[str, int]:
    """Of all reports, or of one machine's. One query, of a few lines."""
    lines = LedgerLine.objects.filter(machine_id=machine.pk) if machine else LedgerLine.objects.all()
    sums = lines.order_by().values_list("state").annotate(Sum("number"))
    return {str(state): 0 for state in State} | dict(sums)


def by_machine() -> dict[int, tuple[int, datetime | None]]:
    """How many reports each machine has sent, and when the last of them came, by its id. One query, of a few lines."""
    lines = LedgerLine.objects.order_by().values_list("machine_id")
    return {pk: (number, at) for pk, number, at in lines.annotate(Sum("number"), Max("received_at"))}


def disagreement() -> dict[str, tuple[int, int]]:
    """Where the lines are not what there is, by state or fingerprint: (lines, rows). Empty when all is well."""
    rows = {state: Report.objects.filter(state=state).count() for state in State.values}
    alike = Observation.objects.filter(is_matched=False).order_by().values_list("fingerprint")
    counted = {**rows, **dict(alike.annotate(Count("pk")))}
    lines = {**by_state(), **dict(LikenessLine.objects.order_by().values_list("fingerprint").annotate(Sum("number")))}
    both = sorted(counted.keys() | lines.keys())
    return {
        name: (lines.get(name, 0), counted.get(name, 0)) for name in both if lines.get(name, 0) != counted.get(name, 0)
    }


# One statement each, so that nobody sees the lines gone and their sums not there. Two of these at the same moment wait
# for each other; the later one leaves alone what the earlier one wrote.
_FOLDS = {
    "reports_ledgerline": """
WITH gone AS (DELETE FROM reports_ledgerline RETURNING state, machine_id, number, received_at)
INSERT INTO reports_ledgerline (state, machine_id, number, received_at)
SELECT state, machine_id, sum(number), max(received_at) FROM gone GROUP BY state, machine_id HAVING sum(number) <> 0
""",
    "reports_likenessline": """
WITH gone AS (DELETE FROM reports_likenessline RETURNING fingerprint, machine_id, number, seen_at)
INSERT INTO reports_likenessline (fingerprint, machine_id, number, seen_at)
SELECT fingerprint, machine_id, sum(number), max(seen_at) FROM gone
GROUP BY fingerprint, machine_id HAVING sum(number) <> 0
""",
}
_SPARE = {
    "reports_ledgerline": "SELECT count(*) - count(DISTINCT (state, machine_id)) FROM reports_ledgerline",
    "reports_likenessline": "SELECT count(*) - count(DISTINCT (fingerprint, machine_id)) FROM reports_likenessline",
}


def fold() -> None:
    """Where more than FOLD_FROM lines could be done without."""
    with connection.cursor() as cursor:
        for table, spare in _SPARE.items():
            cursor.execute(spare)
            if cursor.fetchone()[0] > FOLD_FROM:
                cursor.execute(_FOLDS[table])
