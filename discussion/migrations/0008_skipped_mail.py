from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("discussion", "0007_vouched_by_letting_through")]

    operations = [
        migrations.AddField("mailthread", "skipped", models.CharField(max_length=300, blank=True, default="", db_default="")),
    ]
