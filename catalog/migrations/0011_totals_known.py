# What was counted before there were totals, added up. Outcomes as they were in order when this was written.

from django.db import migrations

FORWARD = """
INSERT INTO catalog_total (case_id, build_id, architecture, mover, area, environment, kind, runs, held,
                           conclusive, nr_machines, nr_conclusive_machines, last_seen_at, news_at, histogram, worked)
SELECT case_id, build_id, architecture, mover, area, environment, kind, runs, held, conclusive, machines,
    deciding, last, (SELECT max(s) FROM unnest(since) AS x(s)),
    CASE WHEN histograms IS NULL THEN array_fill(0, ARRAY[48]) ELSE ARRAY(
        SELECT sum(n)::int FROM unnest(histograms) WITH ORDINALITY AS x(n, i) GROUP BY (i - 1) % 48 ORDER BY (i - 1) % 48
    ) END,
    CASE WHEN worked IS NULL THEN array_fill(0, ARRAY[6]) ELSE ARRAY(
        SELECT sum(n)::int FROM unnest(worked) WITH ORDINALITY AS x(n, i) GROUP BY (i - 1) % 6 ORDER BY (i - 1) % 6
    ) END
FROM (
    SELECT case_id, build_id, architecture, mover, area, environment, kind,
        ARRAY[
            coalesce(sum(runs) FILTER (WHERE outcome = 'moves'), 0)::int,
            coalesce(sum(runs) FILTER (WHERE outcome = 'leaves_first'), 0)::int,
            coalesce(sum(runs) FILTER (WHERE outcome = 'never_there'), 0)::int,
            coalesce(sum(runs) FILTER (WHERE outcome = 'refuses'), 0)::int,
            coalesce(sum(runs) FILTER (WHERE outcome = 'hangs'), 0)::int,
            coalesce(sum(runs) FILTER (WHERE outcome = 'inconclusive'), 0)::int,
            coalesce(sum(runs) FILTER (WHERE outcome = 'skipped'), 0)::int,
            coalesce(sum(runs) FILTER (WHERE outcome = 'error'), 0)::int,
            coalesce(sum(runs) FILTER (WHERE outcome = 'passed'), 0)::int,
            coalesce(sum(runs) FILTER (WHERE outcome = 'failed'), 0)::int
        ] AS runs,
        ARRAY[
            min(since) FILTER (WHERE outcome = 'moves'),
            min(since) FILTER (WHERE outcome = 'leaves_first'),
            min(since) FILTER (WHERE outcome = 'never_there'),
            min(since) FILTER (WHERE outcome = 'refuses'),
            min(since) FILTER (WHERE outcome = 'hangs'),
            min(since) FILTER (WHERE outcome = 'inconclusive'),
            min(since) FILTER (WHERE outcome = 'skipped'),
            min(since) FILTER (WHERE outcome = 'error'),
            min(since) FILTER (WHERE outcome = 'passed'),
            min(since) FILTER (WHERE outcome = 'failed')
        ] AS since,
        coalesce(sum(runs) FILTER (WHERE outcome IN ('refuses', 'hangs')), 0) AS held,
        coalesce(sum(runs) FILTER (WHERE outcome IN ('moves', 'leaves_first', 'never_there', 'refuses', 'hangs')), 0)
            AS conclusive,
        count(DISTINCT machine_id) AS machines,
        count(DISTINCT machine_id)
            FILTER (WHERE outcome IN ('moves', 'leaves_first', 'never_there', 'refuses', 'hangs')) AS deciding,
        max(last_seen_at) AS last,
        array_agg(histogram) FILTER (WHERE outcome IN ('refuses', 'hangs')) AS histograms,
        array_agg(worked) FILTER (WHERE outcome IN ('moves', 'leaves_first', 'never_there', 'refuses', 'hangs')) AS worked
    FROM catalog_tally GROUP BY case_id, build_id, architecture, mover, area, environment, kind
) counted
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0010_totals"), ("reports", "0010_lines_by_machine")]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
