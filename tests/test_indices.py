"""Indices: none that another one serves as well, since each costs every row that is written."""

from __future__ import annotations

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db

INDICES = """
SELECT t.relname, c.relname, i.indisunique, pg_get_expr(i.indpred, i.indrelid),
       string_to_array(i.indkey::text, ' '), i.indclass::text, i.indexprs IS NOT NULL
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = 'public' AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'btree')
"""
OURS = ("reports_", "catalog_tally", "catalog_total")  # what every report writes


def test_no_index_begins_another_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute(INDICES)
        found = [row for row in cursor.fetchall() if row[0].startswith(OURS) and not row[6]]
    redundant = set()
    for table, name, unique, where, columns, classes, _ in found:
        for other_table, other, _, other_where, others, other_classes, _ in found:
            same = (other_table, other_where) == (table, where) and other != name
            if same and not unique and others[: len(columns)] == columns and other_classes.startswith(classes):
                redundant.add(f"{name} begins {other}")
    assert redundant == set()
