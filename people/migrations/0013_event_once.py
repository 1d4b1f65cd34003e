"""What can happen once is told once, and lines are found by what they are about. Neither index stops a writer."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

ONCE = "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS event_once ON people_event (once) WHERE once IS NOT NULL"


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("people", "0012_kernel_names_that_can_be_seen")]

    operations = [
        migrations.AddField("event", "once", models.CharField(max_length=200, null=True)),
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL(ONCE, "DROP INDEX CONCURRENTLY IF EXISTS event_once")],
            [
                migrations.AddConstraint(
                    "event",
                    models.UniqueConstraint(
                        fields=["once"], name="event_once", condition=models.Q(("once__isnull", False))
                    ),
                )
            ],
        ),
        AddIndexConcurrently(
            "event",
            django.contrib.postgres.indexes.GinIndex(
                fields=["data"], name="event_data", opclasses=["jsonb_path_ops"]
            ),
        ),
    ]
