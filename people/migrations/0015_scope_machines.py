"""A scope more. Only a choice: the previous release never hands it out, and ignores it in a token that has it."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0014_scope_submit_for")]

    operations = [
        migrations.AlterField(
            model_name="token",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("submit", "Submit"),
                        ("read", "Read"),
                        ("curate", "Curate"),
                        ("submit-for", "Submit For"),
                        ("machines", "Machines"),
                    ],
                    max_length=16,
                ),
                size=None,
            ),
        ),
    ]
