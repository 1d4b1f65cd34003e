"""The model of an editor's word has the name that its module has. Its table stays: nothing changes in the database."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reports", "0024_more_movers_of_all"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("Verdict", "Judgment"),
                migrations.AlterModelTable("judgment", "reports_verdict"),
                migrations.AlterField(
                    "judgment",
                    "report",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="judgments",
                        to="reports.report",
                    ),
                ),
                migrations.AlterField(
                    "judgment",
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="judgments", to="catalog.case"
                    ),
                ),
                migrations.AlterField(
                    "judgment",
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="judgments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ]
        )
    ]
