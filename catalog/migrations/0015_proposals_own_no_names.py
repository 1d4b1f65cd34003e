# What waits, was declined, or was declined and hidden was never taken over by an editor: it keeps its address and no
# other name. A hidden one is a draft of which the journal tells that it was proposed, and never that it was published.
# The evidence that such cases took goes with the next sweeps (reports.releasing).

from django.db import migrations

FORWARD = """
UPDATE catalog_document AS d SET endorsed = false
WHERE d.state IN ('proposed', 'declined') OR (
    d.state = 'draft'
    AND EXISTS (SELECT FROM people_event e WHERE e.subject_kind = d.kind AND e.subject = d.slug
                AND e.verb = d.kind || '.proposed')
    AND NOT EXISTS (SELECT FROM people_event e WHERE e.subject_kind = d.kind AND e.subject = d.slug
                    AND e.verb IN (d.kind || '.accepted', d.kind || '.published'))
);
DELETE FROM catalog_alias AS a USING catalog_case AS c, catalog_document AS d
WHERE a.case_id = c.document_id AND d.id = c.document_id AND NOT d.endorsed AND a.slug <> c.slug;
UPDATE catalog_serving AS s SET case_id = NULL FROM catalog_case AS c, catalog_document AS d
WHERE s.case_id = c.document_id AND d.id = c.document_id AND NOT d.endorsed AND s.case_slug <> c.slug;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0014_document_endorsed"), ("people", "0006_mails_mentions")]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
