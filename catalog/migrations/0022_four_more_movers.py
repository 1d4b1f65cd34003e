"""Four more movers: NUMA balancing, demotion, khugepaged and virtio-mem. New rows are checked at once, those that are there in the next migration."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

MOVERS = ['', 'cma', 'compaction', 'demotion', 'direct_compaction', 'kcompactd', 'khugepaged', 'longterm_pin', 'mbind', 'move_pages', 'numa_balancing', 'offline', 'soft_offline', 'split', 'virtio_mem']


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0021_more_movers_of_all'),
    ]

    operations = [
        migrations.RemoveConstraint(model_name='tally', name='tally_mover_told'),
        AddConstraintNotValid(
            model_name='tally',
            constraint=models.CheckConstraint(condition=models.Q(('mover__in', MOVERS)), name='tally_mover_told'),
        ),
        migrations.RemoveConstraint(model_name='total', name='total_mover_told'),
        AddConstraintNotValid(
            model_name='total',
            constraint=models.CheckConstraint(condition=models.Q(('mover__in', MOVERS)), name='total_mover_told'),
        ),
    ]
