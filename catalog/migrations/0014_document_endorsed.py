from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0013_told_of_all")]

    operations = [
        migrations.AddField("document", "endorsed", models.BooleanField(db_default=True, default=True)),
    ]
