"""Four more movers: NUMA balancing, demotion, khugepaged and virtio-mem. New rows are checked at once, those that are there in the next migration."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

MOVERS = ['', 'cma', 'compaction', 'demotion', 'direct_compaction', 'kcompactd', 'khugepaged', 'longterm_pin', 'mbind', 'move_pages', 'numa_balancing', 'offline', 'soft_offline', 'split', 'virtio_mem']


class Migration(migrations.Migration):

    dependencies = [
        ('reports', '0025_verdict_is_judgment'),
        ('catalog', '0022_four_more_movers'),
    ]

    operations = [
        migrations.RemoveConstraint(model_name='evidence', name='evidence_mover_told'),
        AddConstraintNotValid(
            model_name='evidence',
            constraint=models.CheckConstraint(condition=models.Q(('mover__in', MOVERS)), name='evidence_mover_told'),
        ),
        migrations.RemoveConstraint(model_name='observation', name='observation_mover_told'),
        AddConstraintNotValid(
            model_name='observation',
            constraint=models.CheckConstraint(condition=models.Q(('mover__in', MOVERS)), name='observation_mover_told'),
        ),
    ]
