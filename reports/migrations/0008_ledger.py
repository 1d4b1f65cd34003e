"""Reports are counted as they change state: a line for each statement that changes how many there are in one.

Statement-level triggers with transition tables: one call for a batch, and nothing where no state changed. What is there
already is counted in the same migration, under the lock that making a trigger takes, so that nothing is missed between.
"""

from django.db import migrations, models

FORWARD = """
CREATE FUNCTION reports_ledger_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reports_ledgerline (state, number) SELECT state, count(*) FROM added GROUP BY state;
    RETURN NULL;
END $$;
CREATE FUNCTION reports_ledger_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reports_ledgerline (state, number)
    SELECT state, sum(n) FROM (SELECT state, 1 AS n FROM later UNION ALL SELECT state, -1 FROM earlier) x
    GROUP BY state HAVING sum(n) <> 0;
    RETURN NULL;
END $$;
CREATE FUNCTION reports_ledger_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reports_ledgerline (state, number) SELECT state, -count(*) FROM gone GROUP BY state;
    RETURN NULL;
END $$;
CREATE FUNCTION reports_ledger_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM reports_ledgerline;
    RETURN NULL;
END $$;
CREATE TRIGGER report_ledger_added AFTER INSERT ON reports_report
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION reports_ledger_added();
CREATE TRIGGER report_ledger_changed AFTER UPDATE ON reports_report
    REFERENCING OLD TABLE AS earlier NEW TABLE AS later FOR EACH STATEMENT EXECUTE FUNCTION reports_ledger_changed();
CREATE TRIGGER report_ledger_removed AFTER DELETE ON reports_report
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION reports_ledger_removed();
CREATE TRIGGER report_ledger_emptied AFTER TRUNCATE ON reports_report
    FOR EACH STATEMENT EXECUTE FUNCTION reports_ledger_emptied();
INSERT INTO reports_ledgerline (state, number) SELECT state, count(*) FROM reports_report GROUP BY state;
"""
BACKWARD = """
DROP TRIGGER report_ledger_added ON reports_report;
DROP TRIGGER report_ledger_changed ON reports_report;
DROP TRIGGER report_ledger_removed ON reports_report;
DROP TRIGGER report_ledger_emptied ON reports_report;
DROP FUNCTION reports_ledger_added(), reports_ledger_changed(), reports_ledger_removed(), reports_ledger_emptied();
"""


class Migration(migrations.Migration):
    dependencies = [("reports", "0007_marks")]

    operations = [
        migrations.CreateModel(
            name="LedgerLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=10)),
                ("number", models.BigIntegerField()),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
