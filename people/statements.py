"""Statements that run thousands of times a second: bound and prepared by the server.

Django interpolates on our side, so that a body of 5 KB becomes a text of 10 KB which the server parses anew each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError, connection


@contextmanager
def prepared() -> Iterator[psycopg.Cursor[Any]]:
    """A cursor on Django's own connection, in its transaction if there is one. Raises Django's database errors."""
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor


@contextmanager
def piped() -> Iterator[None]:
    """Within it, a statement of a `prepared` cursor returns once it is on its way: the server works on one while we
    make the next. What went wrong with one is raised at the end at the latest."""
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def may_pass(error: BaseException | None) -> bool:
    """Whether the same may go well later: after a deadlock, or when the database is back, has room or lets us in.

    Django's OperationalError is wider: what is over a limit of PostgreSQL's (class 54) will be so for ever. A table
    that is not there (42P01) comes with the dump that is being restored, or with migrations that run.
    """
    state = getattr(getattr(error, "__cause__", None), "sqlstate", None) or ""
    if state == "42P01":
        return True
    return isinstance(error, OperationalError | InterfaceError) and not state.startswith("54")
