"""Foreign keys without an index of their own, where another index begins with them.

One statement at a time, each without stopping whoever reads or writes; the previous release needs none of them.
"""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

REDUNDANT = (
    "reports_evidence_case_id_70892e2e",
    "reports_evidence_machine_id_c8e75848",
    "reports_evidence_report_id_ca12e017",
    "reports_observation_report_id_457014e9",
    "reports_report_machine_id_8f2f72a3",
    "reports_verdict_report_id_2dd29f99",
)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('catalog', '0017_indices'),
        ('people', '0009_machine_uncounted'),
        ('reports', '0015_shared_sender'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="evidence",
            index=models.Index(fields=["machine", "id"], name="evidence_of_machine"),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", migrations.RunSQL.noop)
                for name in REDUNDANT
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='evidence',
                    name='case',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='evidence', to='catalog.case'),
                ),
                migrations.AlterField(
                    model_name='evidence',
                    name='machine',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.machine'),
                ),
                migrations.AlterField(
                    model_name='evidence',
                    name='report',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='evidence', to='reports.report'),
                ),
                migrations.AlterField(
                    model_name='observation',
                    name='report',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='observations', to='reports.report'),
                ),
                migrations.AlterField(
                    model_name='report',
                    name='machine',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='reports', to='people.machine'),
                ),
                migrations.AlterField(
                    model_name='verdict',
                    name='report',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='verdicts', to='reports.report'),
                ),
            ],
        ),
    ]
