"""Django's PostgreSQL, which hands out no pooled connection that died while it was idle."""

from __future__ import annotations

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """After a restart of the server every idle connection is dead, and would be one more 503.

        The pool's own check throws away one at a time, waits for twice as long after each, and gives up after ten
        seconds, which is four of them. Where one is dead, all that are idle are checked at once. A check is a way to
        the server, of which a report that is sent takes two: only what has something to read is checked.
        """
        connection = super().get_new_connection(conn_params)
        if not self.pool:
            return connection
        try:
            if _has_something_to_read(connection):
                ConnectionPool.check_connection(connection)
        except psycopg.OperationalError:
            self.pool.putconn(connection)
            self.pool.check()
            connection = super().get_new_connection(conn_params)
        return connection


def _has_something_to_read(connection: psycopg.Connection[Any]) -> bool:
    """Of an idle connection that is the server's last word, or its end: when a server goes, the system closes its side.
    One that vanished without a word, with its machine, looks alive, and a check would hang at it as well."""
    asked = select.poll()
    asked.register(connection.fileno(), select.POLLIN)
    return bool(asked.poll(0))
