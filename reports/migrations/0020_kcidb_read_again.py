"""Messages of KCIDB that were read before objects were merged by id are read again, by the workers of this release: those
of the one before do not know the word `misspelt`, and leave the act to others."""

from django.db import migrations

CHOSEN = {"pick": "format=kcidb", "fingerprint": "", "case": None, "reports": [], "every": False, "misspelt": False}


def ask(apps, schema_editor):
    if apps.get_model("reports", "Report").objects.filter(format="kcidb").exists():
        apps.get_model("reports", "Requeue").objects.create(why="KCIDB objects are merged by id", chosen=CHOSEN)


class Migration(migrations.Migration):
    dependencies = [
        ('reports', "0019_kcidb"),
    ]

    operations = [migrations.RunPython(ask, migrations.RunPython.noop)]
