"""Errors: problem documents under /api/, pages elsewhere."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import urls
from config.urls import handler400, handler403, handler404, handler500  # noqa: F401 - Django looks for them here
from people.models import Role, Scope
from reports.intake.refusals import KINDS
from rest import problems
from tests import builders

pytestmark = pytest.mark.django_db


class Breaks(APIView):
    def get(self, request: Request) -> Response:
        raise RuntimeError("the secret reason")


class Refuses(APIView):
    def get(self, request: Request) -> Response:
        raise PermissionDenied("Not for you.")


class Waits(APIView):
    def get(self, request: Request) -> Response:
        raise Throttled(wait=2.5)


def lacks_a_database(request: HttpRequest) -> HttpResponse:
    with connection.wrap_database_errors, psycopg.connect("host=127.0.0.1 port=1 connect_timeout=1"):
        raise AssertionError("nothing listens on port 1")


def lacks_a_table(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM catalog_table_that_is_not_restored_yet")
    raise AssertionError("there is no such table")


def breaks(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the secret reason")


urlpatterns = [
    path("api/v1/breaks/", Breaks.as_view()),
    path("api/v1/refuses/", Refuses.as_view()),
    path("api/v1/waits/", Waits.as_view()),
    path("breaks/", breaks),
    path("away/", lacks_a_database),
    path("api/v1/away/", lacks_a_database),
    path("empty/", lacks_a_table),
    path("api/v1/empty/", lacks_a_table),
    *urls.urlpatterns,
]
with_broken_views = pytest.mark.urls(__name__)


def get(address: str) -> Any:
    return Client(raise_request_exception=False).get(address)


@with_broken_views
def test_what_breaks_under_api_is_a_problem_document_without_our_reasons() -> None:
    answer = get("/api/v1/breaks/")
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert answer.json() == {"type": "about:blank", "title": "Something broke on our side.", "status": 500}


@with_broken_views
def test_what_breaks_elsewhere_is_a_page_without_our_reasons() -> None:
    answer = get("/breaks/")
    assert answer.status_code == 500 and answer["Content-Type"].startswith("text/html")
    assert "Something broke on our side." in answer.content.decode() and "secret" not in answer.content.decode()


@with_broken_views
@pytest.mark.parametrize(("address", "status"), [("/breaks/", 500), ("/away/", 503), ("/nowhere/", 404)])
def test_who_asks_for_text_is_told_of_it_in_text(address: str, status: int) -> None:
    answer = Client(raise_request_exception=False, headers={"Accept": "*/*"}).get(address)
    assert (answer.status_code, answer["Content-Type"]) == (status, "text/plain; charset=utf-8")
    assert answer.text.endswith(".\n") and "<" not in answer.text and "secret" not in answer.text


@with_broken_views
@pytest.mark.parametrize("address", ["/away/", "/api/v1/away/", "/empty/", "/api/v1/empty/"])
def test_a_database_that_does_not_answer_or_is_being_restored_is_a_matter_of_a_moment(address: str) -> None:
    answer = get(address)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    said = answer.content.decode()
    assert "Send the same again in a moment." in said and "port 1" not in said and "catalog_" not in said


@pytest.mark.parametrize(
    ("address", "accept"), [("/", "text/html"), ("/", "*/*"), ("/api/v1/cases/", "application/json")]
)
def test_a_name_that_is_not_ours_is_not_said_back(address: str, accept: str, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["unmigratable.example"]
    answer = Client(headers={"Host": "evil.example", "Accept": accept}).get(address)
    assert answer.status_code == 400
    assert "evil" not in answer.text and "ALLOWED_HOSTS" not in answer.text
    assert Client(headers={"Host": "unmigratable.example", "Accept": accept}).get(address).status_code == 200


@with_broken_views
def test_what_is_refused_and_what_must_wait_say_so() -> None:
    assert get("/api/v1/refuses/").json()["detail"] == "Not for you."
    assert get("/api/v1/refuses/").status_code == 403
    answer = get("/api/v1/waits/")
    assert (answer.status_code, answer.json()["status"]) == (429, 429)
    assert int(answer["Retry-After"]) >= 2.5


@pytest.mark.parametrize("address", ["/api/v1/nothing/", "/api/v1/cases/nothing/", "/api/v2/cases/"])
def test_what_is_not_there_under_api_is_a_problem_document(address: str) -> None:
    answer = get(address)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert (answer.json()["status"], answer.json()["title"]) == (404, "Not found.")


def test_what_is_not_there_elsewhere_is_a_page() -> None:
    answer = get("/cases/nothing/")
    assert answer.status_code == 404 and answer["Content-Type"].startswith("text/html")
    assert "There is no such case." in answer.content.decode()


@pytest.mark.parametrize("method", ["put", "patch", "delete", "post"])
def test_a_method_that_is_not_offered_is_a_problem_document(method: str) -> None:
    answer = getattr(Client(), method)("/api/v1/cases/")
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
    assert (answer.json()["status"], answer.json()["title"]) == (405, "Method not allowed.")


def test_a_post_without_the_last_slash_is_sent_on_with_its_body_and_told_so() -> None:
    answer = Client().post("/api/v1/reports?kernel=6.12", b"{}", "application/json")
    assert (answer.status_code, answer["Content-Type"]) == (308, "application/problem+json")
    assert answer["Location"] == "/api/v1/reports/?kernel=6.12"
    assert answer.json()["detail"] == "Send it to http://testserver/api/v1/reports/?kernel=6.12"
    pasted = Client().post("/diagnose", b"<0>", "application/x-www-form-urlencoded")
    assert (pasted.status_code, pasted["Location"]) == (308, "/diagnose/")
    assert pasted.content == b"The address ends with a slash. Send it to http://testserver/diagnose/\n"
    assert get("/diagnose").status_code == 301


def test_each_code_has_its_place_on_the_page_of_problems() -> None:
    """`type` of a problem document leads there."""
    page = get("/problems/").content.decode()
    assert [code for code in {**problems.KINDS, **KINDS} if f'id="{code}"' not in page] == []
    secret = builders.token("editors", builders.person(role=Role.EDITOR), scopes=[Scope.CURATE])
    builders.case()
    sent = {"Authorization": f"Bearer {secret}", "Content-Type": "text/markdown"}
    for more, status in ({}, 428), ({"If-Match": '"0"'}, 412):
        answer = Client().put("/api/v1/cases/fuse-writeback/", "x", headers={**sent, **more})
        assert answer.status_code == status
        assert f'id="{answer.json()["type"].removeprefix("/problems/#")}"' in page


def test_a_media_type_that_is_not_understood_is_named_and_no_template_of_it() -> None:
    secret = builders.token("editors", builders.person(role=Role.EDITOR), scopes=[Scope.CURATE])
    builders.case()
    sent = {"Authorization": f"Bearer {secret}", "If-Match": '"1"'}
    answer = Client().put("/api/v1/cases/fuse-writeback/", "x", "application/x-foo", headers=sent)
    assert (answer.status_code, answer.json()["title"]) == (415, "This media type is not understood.")
    assert "application/x-foo" in answer.json()["detail"] and "{" not in answer.json()["detail"]
