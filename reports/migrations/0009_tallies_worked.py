# Whether operations as a whole worked is counted in the tallies from now on; this adds up what came before.

from django.db import migrations

FORWARD = """
UPDATE catalog_tally t SET worked = s.worked FROM (
    SELECT case_id, build_id, architecture, mover, area, environment, kind, machine_id, outcome,
           ARRAY[count(*) FILTER (WHERE worked_before), count(worked_before),
                 count(*) FILTER (WHERE worked_while_held), count(worked_while_held),
                 count(*) FILTER (WHERE worked_after), count(worked_after)]::int[] AS worked
    FROM reports_evidence e
    WHERE NOT EXISTS (
        SELECT 1 FROM reports_verdict v
        WHERE v.report_id = e.report_id AND v.key = e.key AND v.case_id = e.case_id AND NOT v.stands
    )
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
) s
WHERE (t.case_id, t.build_id, t.architecture, t.mover, t.area, t.environment, t.kind, t.machine_id, t.outcome)
    = (s.case_id, s.build_id, s.architecture, s.mover, s.area, s.environment, s.kind, s.machine_id, s.outcome)
"""


class Migration(migrations.Migration):
    dependencies = [("reports", "0008_ledger"), ("catalog", "0009_tally_worked")]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
