"""TRUNCATE runs no row trigger, so it needs a refusal of its own."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER people_event_never_truncated BEFORE TRUNCATE ON people_event
    FOR EACH STATEMENT EXECUTE FUNCTION people_event_append_only();
"""
BACKWARD = "DROP TRIGGER people_event_never_truncated ON people_event;"


class Migration(migrations.Migration):
    dependencies = [("people", "0002_journal_append_only")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
