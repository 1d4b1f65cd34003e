from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0006_mails_mentions")]

    operations = [
        migrations.AddField("user", "nr_sessions_ended", models.PositiveIntegerField(db_default=0, default=0)),
    ]
