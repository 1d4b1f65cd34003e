from django.db import migrations, models

STANDINGS = [("new", "New"), ("trusted", "Trusted"), ("withdrawn", "Withdrawn")]


class Migration(migrations.Migration):
    dependencies = [("people", "0004_user_vouched")]

    operations = [
        # What was there before had been added by hand, by somebody at the console.
        migrations.AddField("machine", "standing", models.CharField(choices=STANDINGS, default="trusted", max_length=10)),
        migrations.AlterField("machine", "standing", models.CharField(choices=STANDINGS, default="new", max_length=10)),
        migrations.AddConstraint(
            "machine",
            models.CheckConstraint(
                condition=models.Q(standing__in=["new", "trusted", "withdrawn"]), name="machine_standing_known"
            ),
        ),
    ]
