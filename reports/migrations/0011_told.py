"""What columns of the vocabulary may hold. Of new rows at once; the next migration looks at those that are there."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0012_told'),
        ('people', '0006_mails_mentions'),
        ('reports', '0010_lines_by_machine'),
    ]

    operations = [
        AddConstraintNotValid(
            model_name='evidence',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['log', 'monitor', 'run', 'test'])), name='evidence_kind_told'),
        ),
        AddConstraintNotValid(
            model_name='evidence',
            constraint=models.CheckConstraint(condition=models.Q(('mover__in', ['', 'cma', 'compaction', 'kcompactd', 'longterm_pin', 'move_pages', 'offline', 'soft_offline', 'split'])), name='evidence_mover_told'),
        ),
        AddConstraintNotValid(
            model_name='evidence',
            constraint=models.CheckConstraint(condition=models.Q(('area__in', ['', 'migrate_cma', 'migrate_movable', 'zone_movable'])), name='evidence_area_told'),
        ),
        AddConstraintNotValid(
            model_name='evidence',
            constraint=models.CheckConstraint(condition=models.Q(('environment__in', ['', 'guest', 'host'])), name='evidence_environment_told'),
        ),
        AddConstraintNotValid(
            model_name='evidence',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['error', 'failed', 'hangs', 'inconclusive', 'leaves_first', 'moves', 'never_there', 'passed', 'refuses', 'skipped'])), name='evidence_outcome_told'),
        ),
        AddConstraintNotValid(
            model_name='observation',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['log', 'monitor', 'run', 'test'])), name='observation_kind_told'),
        ),
        AddConstraintNotValid(
            model_name='observation',
            constraint=models.CheckConstraint(condition=models.Q(('mover__in', ['', 'cma', 'compaction', 'kcompactd', 'longterm_pin', 'move_pages', 'offline', 'soft_offline', 'split'])), name='observation_mover_told'),
        ),
        AddConstraintNotValid(
            model_name='observation',
            constraint=models.CheckConstraint(condition=models.Q(('migrate_mode__in', ['', 'MIGRATE_ASYNC', 'MIGRATE_SYNC', 'MIGRATE_SYNC_LIGHT'])), name='observation_migrate_mode_told'),
        ),
        AddConstraintNotValid(
            model_name='observation',
            constraint=models.CheckConstraint(condition=models.Q(('area__in', ['', 'migrate_cma', 'migrate_movable', 'zone_movable'])), name='observation_area_told'),
        ),
        AddConstraintNotValid(
            model_name='observation',
            constraint=models.CheckConstraint(condition=models.Q(('environment__in', ['', 'guest', 'host'])), name='observation_environment_told'),
        ),
        AddConstraintNotValid(
            model_name='observation',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['error', 'failed', 'hangs', 'inconclusive', 'leaves_first', 'moves', 'never_there', 'passed', 'refuses', 'skipped'])), name='observation_outcome_told'),
        ),
    ]
