# What was counted before the column was there became known at the latest when it was last seen.

from django.db import migrations
from django.db.models import F


def known_since(apps, schema_editor):
    apps.get_model("catalog", "Tally").objects.update(since=F("last_seen_at"))


class Migration(migrations.Migration):

    dependencies = [("catalog", "0006_tally_since")]
    operations = [migrations.RunPython(known_since, migrations.RunPython.noop)]
