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


def test_it_says_the_same_each_time_it_is_made() -> None:
    """The names of bodies were taken out of what the views declare: the second document had none."""
    first, second = (Client().get("/api/v1/openapi.json").content for _ in range(2))
    assert first == second


def test_it_lists_every_route_of_the_api(document: Any) -> None:
    known = {
        "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        for pattern in routes()
        if str(pattern.pattern).startswith("api/v1/")
    }
    # The last one is the older address of /api/v1/reports/batch/, with an answer that no generator reads.
    assert set(document["paths"]) == known - {"/api/v1/openapi.json", "/api/v1/batch/"}


def test_every_operation_has_a_name_a_sentence_and_its_answers(document: Any) -> None:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) >= 5
    for operation in operations:
        assert operation["description"] and operation["responses"]


def test_bearer_tokens_are_described(document: Any) -> None:
    assert document["components"]["securitySchemes"]["machine"]["scheme"] == "bearer"


def test_shapes_have_names_and_stand_once(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert {"Problem", "Receipt", "Evidence", "ReportPage", "Trial", "Batch"} <= set(schemas)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                for kind, media in response.get("content", {}).items():
                    if kind.endswith("json") and path != "/api/v1/":
                        assert set(media["schema"]) == {"$ref"}, (path, status)
    for name, schema in schemas.items():
        for field, of in schema.get("properties", {}).items():
            assert {"type": "null"} not in of.get("anyOf", []), f"{name}.{field}: what is not known is absent"


def test_what_a_generator_makes_calls_of(document: Any) -> None:
    """One kind of body an operation, of those that generators know; a summary; headers; a tag that is explained."""
    tags = {tag["name"] for tag in document["tags"]}
    assert document["servers"] and document["info"]["license"] and document["info"]["contact"]
    for path in document["paths"].values():
        for operation in path.values():
            kinds = list(operation.get("requestBody", {}).get("content", {}))
            assert len(kinds) <= 1 and all(kind.endswith(("json", "octet-stream")) for kind in kinds)
            assert operation["summary"] and len(operation["summary"]) < 120 and set(operation["tags"]) <= tags
            assert {"RateLimit", "RateLimit-Policy", "Retry-After"} == set(operation["responses"]["429"]["headers"])
    reports = document["paths"]["/api/v1/reports/"]
    assert {"Link", "ETag"} <= set(reports["get"]["responses"]["200"]["headers"])
    assert "Location" in reports["post"]["responses"]["202"]["headers"]
