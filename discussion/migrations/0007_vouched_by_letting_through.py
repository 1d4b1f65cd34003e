"""Letting somebody's comment through vouches for them. Here: whoever has a comment that stands."""

from django.db import migrations


def vouch(apps, schema_editor):
    shown = apps.get_model("discussion", "Comment").objects.filter(standing="shown").values("author")
    apps.get_model("people", "User").objects.filter(vouched=False, pk__in=shown).update(vouched=True)


class Migration(migrations.Migration):
    dependencies = [("discussion", "0006_attached"), ("people", "0006_mails_mentions")]

    operations = [migrations.RunPython(vouch, migrations.RunPython.noop)]
