"""How far a comment is seen has a name of its own in the code. Its column stays: nothing changes in the database."""

from django.db import migrations, models
from django.db.models import Q

CHOICES = [("shown", "Shown"), ("waiting", "Waiting"), ("hidden", "Hidden")]


class Migration(migrations.Migration):
    dependencies = [("discussion", "0012_incoming_mail")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex("comment", "comment_waiting"),
                migrations.RemoveConstraint("comment", "comment_standing_known"),
                migrations.RemoveConstraint("comment", "comment_hidden_with_reason"),
                migrations.RenameField("comment", "standing", "visibility"),
                migrations.AlterField(
                    "comment",
                    "visibility",
                    models.CharField(choices=CHOICES, db_column="standing", db_default="shown", max_length=8),
                ),
                migrations.AddIndex(
                    "comment",
                    models.Index(fields=["id"], name="comment_waiting", condition=Q(visibility="waiting")),
                ),
                migrations.AddConstraint(
                    "comment",
                    models.CheckConstraint(
                        condition=Q(visibility__in=["shown", "waiting", "hidden"]), name="comment_standing_known"
                    ),
                ),
                migrations.AddConstraint(
                    "comment",
                    models.CheckConstraint(
                        condition=~Q(visibility="hidden") | (Q(hidden_by__isnull=False) & ~Q(hidden_why="")),
                        name="comment_hidden_with_reason",
                    ),
                ),
            ]
        )
    ]
