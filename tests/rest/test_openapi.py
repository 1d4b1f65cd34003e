"""The OpenAPI document is valid and tells of everything that the API offers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.validation import validate_schema

from tests.crawl import routes

pytestmark = pytest.mark.django_db


@pytest.fixture
def document() -> Any:
    return Client().get("/api/v1/openapi.json").json()


def test_it_is_valid(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    validate_schema(document)


def test_it_lists_every_route_of_the_api(document: Any) -> None:
    known = {
        "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        for pattern in routes()
        if str(pattern.pattern).startswith("api/v1/")
    }
    assert set(document["paths"]) == known - {"/api/v1/openapi.json"}


def test_every_operation_has_a_name_a_sentence_and_its_answers(document: Any) -> None:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) >= 5
    for operation in operations:
        assert operation["description"] and operation["responses"]


def test_bearer_tokens_are_described(document: Any) -> None:
    assert document["components"]["securitySchemes"]["machine"]["scheme"] == "bearer"
