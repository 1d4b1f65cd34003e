"""docs/asvs.md says of each requirement what became of it; and those that nothing else tests are tested here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from django.test import Client

from tests.running import ROOT
from tests.test_settings import GOOD

TEXT = (ROOT / "docs" / "asvs.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")] for line in re.findall(r"^\| V.+\|$", TEXT, re.MULTILINE)
]
# Chapter.section: how many of level 1 the standard has there, and which, where they are not the first ones.
LEVEL_1 = """
1.2.1-5 1.3.1-2 1.5.1 2.1.1 2.2.1-2 2.3.1 3.2.1-2 3.3.1 3.4.1-2 3.5.1-3 4.1.1 4.4.1 5.2.1-2 5.3.1-2 6.1.1 6.2.1-8
6.3.1-2 6.4.1-2 7.2.1-4 7.4.1-2 8.1.1 8.2.1-2 8.3.1 9.1.1-3 9.2.1 10.4.1-5 11.3.1-2 11.4.1 12.1.1 12.2.1-2 13.4.1
14.2.1 14.3.1 15.1.1 15.2.1 15.3.1
"""


def level_1() -> set[str]:
    made = set()
    for word in LEVEL_1.split():
        section, _, numbers = word.rpartition(".")
        first, _, last = numbers.partition("-")
        made |= {f"V{section}.{number}" for number in range(int(first), int(last or first) + 1)}
    return made


def test_each_requirement_of_level_1_is_there_once_and_no_cell_is_empty() -> None:
    ids = [row[0] for row in ROWS]
    assert len(level_1()) == 70 and level_1() <= set(ids) and len(ids) == len(set(ids))
    assert all(len(row) == 5 and all(row) for row in ROWS)
    assert {row[2] for row in ROWS} == {"met", "not met", "not here"}


def test_each_test_that_is_named_exists() -> None:
    assert [row[4] for row in ROWS if not (ROOT / row[4]).is_file()] == []


def production(code: str) -> str:
    environment = {**GOOD, "PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_cookies_and_headers_in_production() -> None:
    names = (
        *("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"),
        *("SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE", "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH"),
        *("SECURE_HSTS_SECONDS", "SECURE_HSTS_PRELOAD", "SECURE_HSTS_INCLUDE_SUBDOMAINS"),
        *("SECURE_CONTENT_TYPE_NOSNIFF", "SECURE_REFERRER_POLICY"),
    )
    said = production(
        "import json; from django.conf import settings as s;"
        f"print(json.dumps([getattr(s, name) for name in {names!r}]))"
    )
    found = dict(zip(names, json.loads(said), strict=True))
    assert found["SESSION_COOKIE_NAME"].startswith("__Host-") and found["CSRF_COOKIE_NAME"].startswith("__Host-")
    assert found["SESSION_COOKIE_SECURE"] and found["CSRF_COOKIE_SECURE"] and found["SESSION_COOKIE_HTTPONLY"]
    assert found["SESSION_COOKIE_DOMAIN"] is None and found["SESSION_COOKIE_PATH"] == "/", "else no browser takes it"
    assert found["SESSION_COOKIE_SAMESITE"] == "Lax"
    assert found["SECURE_HSTS_SECONDS"] >= 31_536_000
    assert not found["SECURE_HSTS_PRELOAD"] and not found["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
    assert found["SECURE_CONTENT_TYPE_NOSNIFF"] and found["SECURE_REFERRER_POLICY"] == "same-origin"


@pytest.mark.django_db
def test_other_origins_are_let_in_to_what_everybody_may_read_and_to_nothing_else() -> None:
    origin = {"Origin": "https://other.example"}

    def allowed(method: str, path: str, **headers: str) -> dict[str, str]:
        answer = getattr(Client(), method)(path, headers={**origin, **headers})
        return {name: value for name, value in answer.headers.items() if name.startswith("Access-Control-Allow")}

    assert allowed("get", "/") == allowed("post", "/api/v1/reports/") == {}
    assert allowed("get", "/api/v1/cases/") == {"Access-Control-Allow-Origin": "*"}
    assert allowed("get", "/api/v1/cases/", Cookie="__Host-session=x") == {}
    asked = allowed("options", "/api/v1/cases/", **{"Access-Control-Request-Method": "POST"})
    assert asked["Access-Control-Allow-Methods"] == "GET, HEAD" and "Access-Control-Allow-Credentials" not in asked


def test_passwords_are_taken_as_typed() -> None:
    from people.accounts import forms

    for form, name in (
        (forms.SignInForm(), "password"),
        (forms.SignUpForm(), "password1"),
    ):
        assert form.fields[name].strip is False, (form, name)


def test_the_proxy_speaks_tls_1_2_and_1_3_alone_and_the_image_has_no_history() -> None:
    template = (ROOT / "deploy" / "nginx.conf.template").read_text()
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in template and "location = /metrics" in template
    assert ".git" in (ROOT / ".dockerignore").read_text().splitlines()


def test_who_finds_a_hole_is_told_where_to_say_so_and_how_long_it_takes() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    assert re.search(r"\d+ days", text) and "make sbom" in text and "make audit" in text
