"""Keys that came in quotes are stored bare from now on: a retry of one that is stored already has to find it."""

from django.db import migrations

FORWARD = r"""
WITH quoted AS (
    SELECT id, machine_id, regexp_replace(substr(idempotency_key, 2, length(idempotency_key) - 2), '\\(.)', '\1', 'g') AS key
    FROM reports_report WHERE idempotency_key ~ '^"([^"\\]|\\["\\])+"$'
)
UPDATE reports_report AS report SET idempotency_key = quoted.key FROM quoted
WHERE report.id = quoted.id AND NOT EXISTS (
    SELECT FROM reports_report AS bare WHERE bare.machine_id = quoted.machine_id AND bare.idempotency_key = quoted.key
)
"""


class Migration(migrations.Migration):
    dependencies = [("reports", "0013_requeue")]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
