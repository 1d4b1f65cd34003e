"""Reports are counted by machine too, and unmatched observations by what they look like, as they come and go.

The same way as the ledger's lines: statement-level triggers, one call for a batch, nothing where nothing changed.
"""

from django.db import migrations, models

LEDGER = """
CREATE OR REPLACE FUNCTION reports_ledger_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reports_ledgerline (state, machine_id, number, received_at)
    SELECT state, machine_id, count(*), max(received_at) FROM added GROUP BY state, machine_id;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION reports_ledger_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reports_ledgerline (state, machine_id, number, received_at)
    SELECT state, machine_id, sum(n), max(received_at)
    FROM (
        SELECT state, machine_id, received_at, 1 AS n FROM later
        UNION ALL SELECT state, machine_id, received_at, -1 FROM earlier
    ) x
    GROUP BY state, machine_id HAVING sum(n) <> 0;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION reports_ledger_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reports_ledgerline (state, machine_id, number, received_at)
    SELECT state, machine_id, -count(*), max(received_at) FROM gone GROUP BY state, machine_id;
    RETURN NULL;
END $$;
LOCK TABLE reports_report IN SHARE ROW EXCLUSIVE MODE;
DELETE FROM reports_ledgerline;
INSERT INTO reports_ledgerline (state, machine_id, number, received_at)
SELECT state, machine_id, count(*), max(received_at) FROM reports_report GROUP BY state, machine_id;
"""

LIKENESS = """
CREATE FUNCTION reports_likeness_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reports_likenessline (fingerprint, machine_id, number, seen_at)
    SELECT o.fingerprint, r.machine_id, count(*), max(r.received_at)
    FROM added o JOIN reports_report r ON r.id = o.report_id WHERE NOT o.is_matched GROUP BY 1, 2;
    RETURN NULL;
END $$;
CREATE FUNCTION reports_likeness_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reports_likenessline (fingerprint, machine_id, number, seen_at)
    SELECT o.fingerprint, r.machine_id, -count(*), max(r.received_at)
    FROM gone o JOIN reports_report r ON r.id = o.report_id WHERE NOT o.is_matched GROUP BY 1, 2;
    RETURN NULL;
END $$;
CREATE FUNCTION reports_likeness_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what an observation looks like, and whether it is matched, never changes: it is made anew';
END $$;
CREATE FUNCTION reports_likeness_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM reports_likenessline;
    RETURN NULL;
END $$;
CREATE TRIGGER observation_likeness_added AFTER INSERT ON reports_observation
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION reports_likeness_added();
CREATE TRIGGER observation_likeness_removed AFTER DELETE ON reports_observation
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION reports_likeness_removed();
CREATE TRIGGER observation_likeness_fixed BEFORE UPDATE OF fingerprint, is_matched, report_id ON reports_observation
    FOR EACH STATEMENT EXECUTE FUNCTION reports_likeness_fixed();
CREATE TRIGGER observation_likeness_emptied AFTER TRUNCATE ON reports_observation
    FOR EACH STATEMENT EXECUTE FUNCTION reports_likeness_emptied();
INSERT INTO reports_likenessline (fingerprint, machine_id, number, seen_at)
SELECT o.fingerprint, r.machine_id, count(*), max(r.received_at)
FROM reports_observation o JOIN reports_report r ON r.id = o.report_id WHERE NOT o.is_matched GROUP BY 1, 2;
"""
BACKWARD = """
DROP TRIGGER observation_likeness_added ON reports_observation;
DROP TRIGGER observation_likeness_removed ON reports_observation;
DROP TRIGGER observation_likeness_fixed ON reports_observation;
DROP TRIGGER observation_likeness_emptied ON reports_observation;
DROP FUNCTION reports_likeness_added(), reports_likeness_removed(), reports_likeness_fixed(),
    reports_likeness_emptied();
"""


class Migration(migrations.Migration):
    dependencies = [("reports", "0009_tallies_worked")]

    operations = [
        migrations.AddField("ledgerline", "machine_id", models.BigIntegerField(null=True)),
        migrations.AddField("ledgerline", "received_at", models.DateTimeField(null=True)),
        migrations.RunSQL(LEDGER, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="LikenessLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fingerprint", models.CharField(max_length=16)),
                ("machine_id", models.BigIntegerField()),
                ("number", models.BigIntegerField()),
                ("seen_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(LIKENESS, BACKWARD),
        migrations.RemoveIndex("observation", "observation_unmatched"),
        migrations.AddIndex(
            "observation",
            models.Index("fingerprint", models.F("id").desc(), name="observation_alike"),
        ),
        migrations.AddIndex("report", models.Index(fields=["machine", "-received_at"], name="report_of_machine")),
    ]
