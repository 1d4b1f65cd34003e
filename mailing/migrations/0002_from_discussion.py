"""Who followed a discussion follows what it is about, at once. What the release before noted and did not send is sent
from here; what it sent is kept, so that nobody is told twice. Its reader is put behind the journal's end: a worker of
it that still runs reads nothing more, and sends nothing more."""

from django.db import migrations

FORWARD = [
    """
    INSERT INTO mailing_follow (user_id, kind, name, document_id, cadence, created_at)
    SELECT s.user_id, d.kind, '', s.document_id, 'at_once', s.created_at
    FROM discussion_subscription s JOIN catalog_document d ON d.id = s.document_id
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO mailing_notice (user_id, event_id, topic, follow_id, was_named, in_digest, state, mail, tries,
                                created_at, due_at, tried_at, settled_at, why)
    SELECT DISTINCT ON (n.user_id, e.data->>'comment')
           n.user_id, n.event_id, 'comment-' || (e.data->>'comment'), f.id, n.was_named OR f.id IS NULL, false,
           CASE WHEN n.settled_at IS NULL THEN 'waiting' ELSE 'dropped' END, NULL, n.tries,
           n.created_at, n.next_try_at, NULL, n.settled_at,
           CASE WHEN n.settled_at IS NULL THEN '' ELSE 'settled before the outbox' END
    FROM discussion_notice n JOIN people_event e ON e.id = n.event_id
    LEFT JOIN discussion_comment c ON c.id = (e.data->>'comment')::bigint
    LEFT JOIN mailing_follow f ON f.user_id = n.user_id AND f.document_id = c.document_id
    WHERE e.data ? 'comment'
    ORDER BY n.user_id, e.data->>'comment', n.settled_at NULLS LAST
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO mailing_reader (id, place, after_user)
    SELECT 1, place, 0 FROM discussion_follower WHERE name = 'comments by mail' ON CONFLICT DO NOTHING
    """,
    "INSERT INTO mailing_reader (id, place, after_user) SELECT 1, coalesce(max(place), 0), 0 FROM people_event"
    " ON CONFLICT DO NOTHING",
    "UPDATE discussion_notice SET settled_at = now() WHERE settled_at IS NULL",
    "UPDATE discussion_follower SET place = 9223372036854775807, transaction = 9223372036854775807",
]


class Migration(migrations.Migration):
    dependencies = [("mailing", "0001_following"), ("discussion", "0010_skipped_mail"), ("people", "0014_scope_submit_for")]

    operations = [migrations.RunSQL(statement, migrations.RunSQL.noop) for statement in FORWARD]
