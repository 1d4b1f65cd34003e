# Names of before the rule: without what cannot be seen, and none where it reads as somebody else.

from django.db import migrations
from django.db.models.functions import Lower

from people.accounts import names


def clean(apps, schema_editor):
    users = apps.get_model("people", "User").objects
    for user in users.exclude(kernel_name="").filter(is_active=True).iterator():
        name = names.without_hidden(user.kernel_name)
        others = users.exclude(pk=user.pk).annotate(folded=Lower("username"))
        if names.fault(name) or others.filter(folded__in=names.usernames_in(name)).exists():
            name = ""
        if name != user.kernel_name:
            users.filter(pk=user.pk).update(kernel_name=name)


class Migration(migrations.Migration):

    dependencies = [("people", "0011_letter")]
    operations = [migrations.RunPython(clean, migrations.RunPython.noop)]
