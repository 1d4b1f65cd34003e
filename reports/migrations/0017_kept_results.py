import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("reports", "0016_indices"),
    ]

    operations = [
        migrations.CreateModel(
            name="Kept",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
                ("release", models.CharField(blank=True, max_length=200)),
                ("sender", models.CharField(blank=True, max_length=32)),
                ("key", models.CharField(max_length=64)),
                ("body", models.BinaryField()),
                ("size_bytes", models.PositiveIntegerField()),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="kept",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
