"""How many reports there are in each state. Counted as they change, so that a page never counts them all.

A trigger on the reports' table writes a line with every statement that changes how many are in a state, whoever makes
it; the sums of the lines are the counts, in the same transaction. `fold` adds lines up from time to time.
"""

from __future__ import annotations

from django.db import connection
from django.db.models import Sum

from reports.models import LedgerLine, Report, State

FOLD_FROM = 200


def by_state() -> dict[str, int]:
    """One query, of a few lines."""
    sums = LedgerLine.objects.order_by().values_list("state").annotate(Sum("number"))
    return {str(state): 0 for state in State} | dict(sums)


def disagreement() -> dict[str, tuple[int, int]]:
    """Where the lines are not what the reports add up to, by state: (lines, reports). Empty when all is well."""
    rows = {state: Report.objects.filter(state=state).count() for state in State.values}
    return {state: (number, rows[state]) for state, number in by_state().items() if number != rows[state]}


# One statement, so that nobody sees the lines gone and their sums not there. Two of these at the same moment wait for
# each other; the later one leaves alone what the earlier one wrote.
_FOLD = """
WITH gone AS (DELETE FROM reports_ledgerline RETURNING state, number)
INSERT INTO reports_ledgerline (state, number)
SELECT state, sum(number) FROM gone GROUP BY state HAVING sum(number) <> 0
"""


def fold() -> None:
    if LedgerLine.objects.order_by()[: FOLD_FROM + 1].count() > FOLD_FROM:
        with connection.cursor() as cursor:
            cursor.execute(_FOLD)
