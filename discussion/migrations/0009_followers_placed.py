"""Followers go on before the first line that they may not have read. A line that is read twice makes no second mail."""

from django.db import migrations

FORWARD = """
UPDATE discussion_follower AS follower SET place = coalesce(
    (SELECT min(place) - 1 FROM people_event AS event
     WHERE event.id > follower.event OR (event.transaction, event.id) > (follower.transaction, follower.event)),
    (SELECT max(place) FROM people_event),
    0)
"""


class Migration(migrations.Migration):
    dependencies = [("discussion", "0008_follower_place"), ("people", "0008_events_placed")]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
