from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("discussion", "0009_followers_placed")]

    operations = [
        migrations.AddField("mailthread", "skipped", models.CharField(max_length=300, blank=True, default="", db_default="")),
    ]
