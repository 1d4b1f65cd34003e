"""Two more movers: direct compaction and mbind. New rows are checked at once, those that are there in the next migration."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

MOVERS = ['', 'cma', 'compaction', 'direct_compaction', 'kcompactd', 'longterm_pin', 'mbind', 'move_pages', 'offline', 'soft_offline', 'split']


class Migration(migrations.Migration):

    dependencies = [
        ('reports', '0022_report_origin'),
        ('catalog', '0020_more_movers'),
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
