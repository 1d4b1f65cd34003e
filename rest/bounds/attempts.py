"""Trying that gets slower with each failure: the same on every node, and for those who try many at once.

    attempts.begin("somebody from 192.0.2.1", Pace(5, 10, 300))     raises `TooSoon` before the wait is over
    attempts.forgive("somebody from 192.0.2.1")                     once it went well

An attempt counts as a failure when it begins, so that a hundred at the same moment are a hundred. One that is refused
does not count: whoever waits as long as they are told may try.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import F
from django.utils import timezone

from rest.models import Attempts

KEPT = timedelta(days=1)


@dataclass(frozen=True)
class Pace:
    """So many `free` ones; then `first_seconds` to wait, each time twice as long, up to `most_seconds`."""

    free: int
    first_seconds: int
    most_seconds: int


class TooSoon(Exception):
    def __init__(self, wait_seconds: int) -> None:
        self.wait_seconds = wait_seconds
        super().__init__(f"wait {wait_seconds} s")


_WAIT = """(CASE WHEN a.failures < %(free)s THEN 0
    ELSE least(%(first)s * power(2, least(a.failures - %(free)s, 20)), %(most)s) END)"""
_BEGIN = f"""
INSERT INTO rest_attempts AS a (key, failures, last_at) VALUES (%(key)s, 1, clock_timestamp())
ON CONFLICT (key) DO UPDATE
    SET failures = CASE WHEN a.last_at < clock_timestamp() - %(kept)s THEN 1 ELSE a.failures + 1 END,
        last_at = clock_timestamp()
    WHERE a.last_at <= clock_timestamp() - make_interval(secs => {_WAIT})
"""  # noqa: S608 - an expression of ours
_LEFT = f"SELECT extract(epoch FROM a.last_at - clock_timestamp()) + {_WAIT} FROM rest_attempts a WHERE key = %(key)s"  # noqa: S608


def begin(key: str, pace: Pace) -> None:
    given: dict[str, Any] = {
        "key": _digest(key),
        "free": pace.free,
        "first": pace.first_seconds,
        "most": pace.most_seconds,
    }
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN, given | {"kept": KEPT})
        if cursor.rowcount:
            return
        cursor.execute(_LEFT, given)
        row = cursor.fetchone()
    raise TooSoon(max(1, math.ceil(row[0])) if row else 1)


def forgive(*keys: str) -> None:
    Attempts.objects.filter(key__in=[_digest(key) for key in keys]).delete()


def give_back(key: str) -> None:
    """One that was no failure, where the others before it stay counted."""
    Attempts.objects.filter(key=_digest(key), failures__gt=0).update(failures=F("failures") - 1)


def sweep() -> None:
    Attempts.objects.filter(last_at__lt=timezone.now() - KEPT).delete()


def _digest(key: str) -> str:
    """Keys hold what people typed: of any length, and sometimes a password by mistake."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
