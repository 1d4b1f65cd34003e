"""Where a report came from. The previous release writes none, and the default is the database's own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reports", "0021_report_settled")]

    operations = [
        migrations.AddField(
            model_name="report",
            name="origin",
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
