from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reports", "0014_keys_unquoted")]

    operations = [
        migrations.AddField(
            "shared", "sender", models.CharField(blank=True, db_default="", default="", max_length=32)
        ),
    ]
