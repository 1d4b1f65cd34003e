from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("discussion", "0007_vouched_by_letting_through")]

    operations = [
        migrations.AddField("follower", "place", models.BigIntegerField(db_default=0, default=0)),
    ]
