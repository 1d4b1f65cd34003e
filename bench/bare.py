"""The yardstick: a Django view that inserts the bytes of a request through a cursor, and nothing else."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path


def insert(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_bare (body) VALUES (%s)", [request.body])
    return HttpResponse(status=202, headers={"Content-Length": "0"})


urlpatterns = [path("api/v1/reports/", insert)]
