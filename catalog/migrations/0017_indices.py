"""Foreign keys without an index of their own, where another index begins with them.

One statement at a time, each without stopping whoever reads or writes; the previous release needs none of them.
"""

import django.db.models.deletion
from django.db import migrations, models

REDUNDANT = (
    "catalog_tally_case_id_26c75601",
    "catalog_total_case_id_35962510",
)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('catalog', '0016_drafts_out_of_search'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", migrations.RunSQL.noop)
                for name in REDUNDANT
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='tally',
                    name='case',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='tallies', to='catalog.case'),
                ),
                migrations.AlterField(
                    model_name='total',
                    name='case',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='totals', to='catalog.case'),
                ),
            ],
        ),
    ]
