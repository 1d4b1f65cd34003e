"""Where followers find a line of the journal. The one thing that may change in a line, and once."""

from django.db import migrations, models

FORWARD = """
CREATE OR REPLACE FUNCTION people_event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.place IS NULL AND NEW.place IS NOT NULL AND to_jsonb(NEW) - 'place' = to_jsonb(OLD) - 'place' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the journal is append-only';
END $$;
"""
BACKWARD = """
CREATE OR REPLACE FUNCTION people_event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("people", "0006_mails_mentions")]

    operations = [
        migrations.AddField("event", "place", models.BigIntegerField(null=True, unique=True)),
        migrations.AddIndex(
            "event",
            models.Index(fields=["id"], name="event_without_place", condition=models.Q(("place", None))),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
