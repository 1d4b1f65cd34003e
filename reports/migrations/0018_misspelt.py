"""Which observations call an architecture by another word than today's: to find them, and to see that none is left."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("reports", "0017_kept_results"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='observation',
            index=models.Index(
                fields=['report'],
                name='observation_misspelt',
                condition=models.Q(
                    architecture__in=('amd64', 'arm64', 'i386', 'loongarch', 'ppc64el', 'riscv', 's390', 'x64', 'x86')
                ),
            ),
        ),
    ]
