"""Lines that are there get their places, from 1 on, in the order of their ids. What the release before writes meanwhile
has none, and gets one from the first follower."""

from django.db import migrations

FORWARD = """
WITH numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS place FROM people_event)
UPDATE people_event AS event SET place = numbered.place FROM numbered WHERE event.id = numbered.id
"""


class Migration(migrations.Migration):
    dependencies = [("people", "0007_event_place")]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
