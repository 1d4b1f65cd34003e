from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0011_totals_known")]

    operations = [
        migrations.AddField("document", "endorsed", models.BooleanField(db_default=True, default=True)),
    ]
