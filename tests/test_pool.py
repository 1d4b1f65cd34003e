"""The pool of connections after a restart of the server."""

from __future__ import annotations

import os
import threading

import psycopg
import pytest
from django.db import connection
from django.test import Client
from psycopg_pool import ConnectionPool

from tests.at_once import at_once

MANY = 6  # more than psycopg's own check gets through in the ten seconds that a request waits


@pytest.mark.django_db(transaction=True)
def test_connections_that_the_server_has_ended_answer_nobody_with_an_error() -> None:
    """What each process has after a restart of PostgreSQL: a pool of connections that are no more."""
    together = threading.Barrier(MANY)

    def hold() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        together.wait(30)

    at_once(*[hold] * MANY)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
        ended = "SELECT count(pg_terminate_backend(pid, 9000)) FROM pg_stat_activity WHERE datname = %s"
        assert other.execute(ended, [connection.settings_dict["NAME"]]).fetchone()[0] >= MANY
    connection.close()
    codes: list[int] = []

    def ask_three_times() -> None:
        for _ in range(3):
            codes.append(Client().get("/readyz").status_code)
            connection.close()

    at_once(ask_three_times)
    assert codes == [200] * 3


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_lives_costs_no_request_a_way_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[object] = []
    monkeypatch.setattr(ConnectionPool, "check_connection", checked.append)
    connection.close()
    for _ in range(3):
        assert Client().get("/readyz").status_code == 200
        connection.close()
    assert connection.pool and checked == []
