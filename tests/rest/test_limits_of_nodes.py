"""Limits where they matter: two web nodes on one database, with leases of their own."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.db import connection

from rest.models import Allowance
from tests.running import Nodes, until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def test_two_web_nodes_give_as_much_as_one_and_say_so_alike(tmp_path: Path) -> None:
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    url = f"{base}/{connection.settings_dict['NAME']}"
    given = {"CELERY_BROKER_URL": "memory://", "UNMIGRATABLE_LIMITS": "read=30/86400"}
    nodes = [Nodes(tmp_path / name, url, only=("web",), **given) for name in ("a", "b")]
    try:
        for node in nodes:
            until(node.is_up, 60, node.log.read_text()[-2000:])
        told = [asked(nodes[number % 2].port) for number in range(60)]
    finally:
        for node in nodes:
            node.stop()
    codes = [code for code, _ in told]
    assert codes == [200] * 30 + [429] * 30
    assert Allowance.objects.get().leased == 30
    assert {headers["RateLimit-Policy"] for _, headers in told} == {'"read";q=30;w=86400'}
    left = [int(re.findall(r"r=(\d+)", headers["RateLimit"])[0]) for _, headers in told]
    # A process does not see at once what the other leased; it never says that something is left where nothing is.
    assert left[0] == 29 and left[30:] == [0] * 30
    waits = [int(headers["Retry-After"]) for code, headers in told if code == 429]
    assert all(0 < wait <= 86_400 for wait in waits) and max(waits) - min(waits) <= 60, "the same on both"


def asked(port: int) -> tuple[int, dict[str, str]]:
    """One request on a connection of its own, so that any process of that node may take it."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/cases/", timeout=20) as answer:
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers)
