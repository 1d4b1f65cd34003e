"""Objects of KCIDB, merged by id; what a sender keeps beside a result; what is told of what became no observation.

New columns have defaults in the database: the release before this one writes rows without them.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('reports', "0018_misspelt"),
    ]

    operations = [
        migrations.AddField(
            model_name='observation',
            name='beside',
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AddField(
            model_name='report',
            name='notes',
            field=models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
        ),
        migrations.CreateModel(
            name='KcidbObject',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                (
                    'kind',
                    models.CharField(
                        choices=[('checkouts', 'Checkouts'), ('builds', 'Builds'), ('tests', 'Tests')], max_length=9
                    ),
                ),
                ('name', models.CharField(max_length=361)),
                ('parent', models.CharField(blank=True, max_length=361)),
                ('said', models.JSONField()),
                ('by', models.JSONField()),
                (
                    'owner',
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name='+',
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    'report',
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name='kcidb_objects', to='reports.report'
                    ),
                ),
            ],
            options={
                'indexes': [models.Index(fields=['owner', 'kind', 'parent'], name='kcidb_below')],
                'constraints': [
                    models.UniqueConstraint(fields=('owner', 'kind', 'name'), name='kcidb_object'),
                    models.CheckConstraint(
                        condition=models.Q(('kind__in', ['checkouts', 'builds', 'tests'])), name='kcidb_kind_known'
                    ),
                ],
            },
        ),
    ]
