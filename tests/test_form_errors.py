"""What is wrong with a form stands at its top, each with a link to its field, and beside the field as well."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from people.models import Role
from tests import builders

pytestmark = pytest.mark.django_db


def signed_in() -> Client:
    client = Client()
    client.force_login(builders.person("ed", Role.MAINTAINER))
    return client


@pytest.mark.parametrize(
    ("path", "fields", "wrong"),
    [
        ("/cases/new/", {"holds": ""}, ["holds", "mechanism", "controllers", "link"]),
        ("/strategies/new/", {"title": ""}, ["title", "approach", "summary"]),
        ("/agenda/begin/", {"title": "", "held_on": "soon"}, ["title", "held_on"]),
        ("/machines/", {"name": "Not A Name"}, ["name"]),
        ("/sign-in/", {"login": "", "password": ""}, ["login", "password"]),
        ("/account/signup/", {"username": "a b", "email": "nowhere"}, ["email", "username", "password1"]),
    ],
)
def test_each_fault_is_linked_to_its_field_and_said_beside_it(
    path: str, fields: dict[str, Any], wrong: list[str]
) -> None:
    client = Client() if path in ("/sign-in/", "/account/signup/") else signed_in()
    page = client.post(path, fields).content.decode()
    summary = re.search(r'<div class="notice danger summary-of-errors".*?</div>', page, re.DOTALL)
    assert summary and 'tabindex="-1"' in summary[0] and "autofocus" in summary[0]
    linked = re.findall(r'href="#id_(\w+)"', summary[0])
    assert set(wrong) <= set(linked)
    for name in linked:
        field = re.search(rf'<(?:input|textarea|select|fieldset)\b[^>]*id="id_{name}"[^>]*>', page)
        assert field, f"{name}: the link leads nowhere"
        described = re.search(r'aria-describedby="([^"]*)"', field[0])
        assert described and any(re.search(rf'id="{one}"', page) for one in described[1].split()), name
        assert "fieldset" in field[0] or 'aria-invalid="true"' in field[0], name


def test_a_form_without_faults_says_nothing_of_them() -> None:
    assert "summary-of-errors" not in signed_in().get("/cases/new/").content.decode()
