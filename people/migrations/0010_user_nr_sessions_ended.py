from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0009_machine_uncounted")]

    operations = [
        migrations.AddField("user", "nr_sessions_ended", models.PositiveIntegerField(db_default=0, default=0)),
    ]
