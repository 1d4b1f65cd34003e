"""More followers of one case than one slice, real workers, and SIGKILL in the middle: nobody gets a mail twice.

A mail costs some 20 ms of a worker's CPU; `make bench-followers` has ten thousand of them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.db import connection

from mailing.outbox import fan_out
from tests.mailing.killed import tell

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
FOLLOWERS = fan_out.FOLLOWS_AT_ONCE + 200
KILLED_AT = (200, 700)


def test_each_has_one_row_that_ends_in_sent_or_in_doubt_and_none_is_sent_twice(tmp_path: Path) -> None:
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    told = tell(FOLLOWERS, KILLED_AT, f"{base}/{connection.settings_dict['NAME']}", tmp_path / "var")
    print(f"\n{told}")
    assert told.faults() == []
    assert told.nr_kills >= len(KILLED_AT)
