"""The journal is append-only for everybody, whatever writes to it."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION people_event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only';
END $$;
CREATE TRIGGER people_event_append_only BEFORE UPDATE OR DELETE ON people_event
    FOR EACH ROW EXECUTE FUNCTION people_event_append_only();
"""
BACKWARD = """
DROP TRIGGER people_event_append_only ON people_event;
DROP FUNCTION people_event_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
