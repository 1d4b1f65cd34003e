"""Follows and notices are `mailing`'s now. The tables stay for processes of the release before, which read them, but
hold on to nothing: a later release drops them."""

from django.db import migrations

LET_GO = """
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT conrelid::regclass AS relation, conname FROM pg_constraint
               WHERE contype = 'f' AND conrelid IN ('discussion_subscription'::regclass, 'discussion_notice'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.relation, one.conname);
    END LOOP;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("discussion", "0010_skipped_mail"), ("mailing", "0002_from_discussion")]

    operations = [
        migrations.RunSQL(LET_GO, migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.DeleteModel("Subscription"),
                migrations.DeleteModel("Notice"),
                migrations.DeleteModel("Follower"),
            ]
        ),
    ]
