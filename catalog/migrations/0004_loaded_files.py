"""What was loaded so far: the last text of each document that came by a file."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [('catalog', '0003_editing')]

    operations = [
        migrations.RunSQL(
            """
            INSERT INTO catalog_loadedfile (document_id, text)
            SELECT DISTINCT ON (document_id) document_id, text FROM catalog_revision
            WHERE origin = 'file' ORDER BY document_id, n DESC
            """,
            migrations.RunSQL.noop,
        ),
    ]
