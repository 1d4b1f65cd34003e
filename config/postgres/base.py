"""Django's PostgreSQL, which hands out no pooled connection that died while it was idle."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """After a restart of the server every idle connection is dead, and would be one more 503.

        The pool's own check throws away one at a time, waits for twice as long after each, and gives up after ten
        seconds, which is four of them. Where one is dead, all that are idle are checked at once.
        """
        connection = super().get_new_connection(conn_params)
        if not self.pool:
            return connection
        try:
            ConnectionPool.check_connection(connection)
        except psycopg.OperationalError:
            self.pool.putconn(connection)
            self.pool.check()
            connection = super().get_new_connection(conn_params)
        return connection
