"""Exports of what was settled since some time. Made without stopping whoever reads or writes."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("reports", "0020_kcidb_read_again")]

    operations = [
        AddIndexConcurrently(
            model_name="report",
            index=models.Index(fields=["settled_at"], name="report_settled", condition=Q(settled_at__isnull=False)),
        ),
    ]
