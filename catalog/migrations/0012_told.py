"""What columns of the vocabulary may hold. Of new rows at once; the next migration looks at those that are there."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0011_totals_known'),
        ('people', '0006_mails_mentions'),
    ]

    operations = [
        AddConstraintNotValid(
            model_name='tally',
            constraint=models.CheckConstraint(condition=models.Q(('mover__in', ['', 'cma', 'compaction', 'kcompactd', 'longterm_pin', 'move_pages', 'offline', 'soft_offline', 'split'])), name='tally_mover_told'),
        ),
        AddConstraintNotValid(
            model_name='tally',
            constraint=models.CheckConstraint(condition=models.Q(('area__in', ['', 'migrate_cma', 'migrate_movable', 'zone_movable'])), name='tally_area_told'),
        ),
        AddConstraintNotValid(
            model_name='tally',
            constraint=models.CheckConstraint(condition=models.Q(('environment__in', ['', 'guest', 'host'])), name='tally_environment_told'),
        ),
        AddConstraintNotValid(
            model_name='tally',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['log', 'monitor', 'run', 'test'])), name='tally_kind_told'),
        ),
        AddConstraintNotValid(
            model_name='tally',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['error', 'failed', 'hangs', 'inconclusive', 'leaves_first', 'moves', 'never_there', 'passed', 'refuses', 'skipped'])), name='tally_outcome_told'),
        ),
        AddConstraintNotValid(
            model_name='total',
            constraint=models.CheckConstraint(condition=models.Q(('mover__in', ['', 'cma', 'compaction', 'kcompactd', 'longterm_pin', 'move_pages', 'offline', 'soft_offline', 'split'])), name='total_mover_told'),
        ),
        AddConstraintNotValid(
            model_name='total',
            constraint=models.CheckConstraint(condition=models.Q(('area__in', ['', 'migrate_cma', 'migrate_movable', 'zone_movable'])), name='total_area_told'),
        ),
        AddConstraintNotValid(
            model_name='total',
            constraint=models.CheckConstraint(condition=models.Q(('environment__in', ['', 'guest', 'host'])), name='total_environment_told'),
        ),
        AddConstraintNotValid(
            model_name='total',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['log', 'monitor', 'run', 'test'])), name='total_kind_told'),
        ),
    ]
