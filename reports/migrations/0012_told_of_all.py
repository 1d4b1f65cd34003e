"""The rows that are there hold words of the vocabulary too. Reads the tables once; nobody who writes waits for it."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('reports', '0011_told'),
    ]

    operations = [
        ValidateConstraint(model_name='evidence', name='evidence_kind_told'),
        ValidateConstraint(model_name='evidence', name='evidence_mover_told'),
        ValidateConstraint(model_name='evidence', name='evidence_area_told'),
        ValidateConstraint(model_name='evidence', name='evidence_environment_told'),
        ValidateConstraint(model_name='evidence', name='evidence_outcome_told'),
        ValidateConstraint(model_name='observation', name='observation_kind_told'),
        ValidateConstraint(model_name='observation', name='observation_mover_told'),
        ValidateConstraint(model_name='observation', name='observation_migrate_mode_told'),
        ValidateConstraint(model_name='observation', name='observation_area_told'),
        ValidateConstraint(model_name='observation', name='observation_environment_told'),
        ValidateConstraint(model_name='observation', name='observation_outcome_told'),
    ]
