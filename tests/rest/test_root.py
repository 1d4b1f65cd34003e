"""`/api/v1/` leads everywhere that needs nothing filled in."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import builders


@pytest.mark.django_db
def test_it_leads_to_what_there_is() -> None:
    builders.case()
    answer = Client().get("/api/v1/")
    places = answer.json()
    assert answer.status_code == 200 and {"cases", "kernels", "reports", "batch", "events", "openapi"} <= places.keys()
    assert not any("<" in place or "%3C" in place for place in places.values()) and "case" not in places
    for name, place in places.items():
        status = Client().get(place[place.index("/api/") :]).status_code
        assert status in (200, 400, 401, 405), name  # 400: a kernel has to be named; 401, 405: what machines send
