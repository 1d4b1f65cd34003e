from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reports", "0010_lines_by_machine")]

    operations = [
        migrations.AddField(
            "shared", "sender", models.CharField(blank=True, db_default="", default="", max_length=32)
        ),
    ]
