# Strategies that name a draft were findable by what they say of it. `load_cases`, which follows, makes the entries anew.

from django.db import migrations


def forget(apps, schema_editor):
    entries = apps.get_model("catalog", "Entry").objects.filter(key="", document__kind="strategy")
    entries.filter(document__strategy__servings__case__document__state="draft").delete()


class Migration(migrations.Migration):

    dependencies = [("catalog", "0015_proposals_own_no_names")]
    operations = [migrations.RunPython(forget, migrations.RunPython.noop)]
