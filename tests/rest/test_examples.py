"""The commands on the API's page do what they say, as they stand there: read as curl reads them, and sent."""

from __future__ import annotations

import html
import re
import shlex
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from catalog.models.text import Origin
from catalog.revisions import store
from people.models import Role, Scope, Token
from reports.worker import ingest
from tests import builders
from tests.running import ROOT

pytestmark = pytest.mark.django_db

TYPED = "application/x-www-form-urlencoded"  # what curl says of a body where nobody else does
LOG = b"[<0>] folio_wait_writeback+0x2b/0x80\n[<0>] migrate_pages_batch+0x5e2/0xba0\n"


@dataclass
class Call:
    method: str = "GET"
    url: str = ""
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def calls(page: str) -> list[Call]:
    text = html.unescape(
        "\n".join(re.sub("<[^>]+>", "", one) for one in re.findall(r"(?s)<pre[^>]*>(.*?)</pre>", page))
    )
    lines = text.replace("\\\n", " ").split("\n")
    return [_call(line.partition("curl ")[2]) for line in lines if "curl " in line]


def _call(words: str) -> Call:
    """Knows the options that the page uses, and no other: one with a will of its own (-T) is to be looked at first."""
    made, rest = Call(), shlex.split(words)
    while rest:
        word = rest.pop(0)
        if word == "-X":
            made.method = rest.pop(0)
        elif word == "-H":
            name, _, value = rest.pop(0).partition(": ")
            made.headers[name] = value
        elif word in ("--data-binary", "-d"):
            made.body = rest.pop(0)
            made.method = "POST" if made.method == "GET" else made.method
        elif word in ("-D", "-o"):
            rest.pop(0)
        else:
            assert not word.startswith("-") and not made.url, word
            made.url = word
    return made


def _send(call: Call, bodies: dict[str, bytes], variables: dict[str, str]) -> Any:
    def filled(text: str) -> str:
        for name, value in variables.items():
            text = text.replace(name, value)
        assert "$" not in text, text
        return text

    parts = urlsplit(filled(call.url))
    headers = {name: filled(value) for name, value in call.headers.items()}
    kind = headers.pop("Content-Type", TYPED)
    return Client().generic(call.method, f"{parts.path}?{parts.query}", _body(call, bodies), kind, headers=headers)


def _body(call: Call, bodies: dict[str, bytes]) -> bytes:
    """What -d says as it stands, or the file that is named."""
    return call.body.encode() if call.body.startswith("{") else bodies[call.body]


def test_every_command_on_the_page_of_the_api_is_answered_as_it_says() -> None:
    for slug in ("fuse-writeback", "vmsplice-pipe"):
        store.save((ROOT / "data" / "cases" / f"{slug}.md").read_text(), origin=Origin.FILE)
    for release in ("6.12.95+deb12-amd64", "7.3.4+deb13-amd64"):
        builders.report(kernel={"release": release, "architecture": "x86_64"}, run_id=f"before-{release[:3]}")
    ingest.drain()
    editor = builders.person("editor", Role.EDITOR)
    token = builders.token("editors", editor, scopes=[Scope.SUBMIT, Scope.CURATE, Scope.MACHINES])
    builders.token("board-7", editor)
    number = Token.objects.get(machine__name="board-7").pk
    text = Client().get("/api/v1/cases/fuse-writeback/", headers={"Accept": "text/markdown"}).content
    bodies = {
        "": b"",
        "@-": LOG,
        "@report.json": builders.body(run_id="example-0001"),
        "@reports.ndjson": builders.body(run_id="example-0002"),
        "@kselftest.ktap": b"KTAP version 1\n1..1\nok 1 mm: migration\n",
        "@fuse-writeback.md": text.replace(b"## Open question", b"## Open question\n\nOne line more."),
    }
    variables = {
        "NUMBER/": f"{number}/",
        "$TOKEN": token,
        "$RUN_ID": "example-run-1",
        "$(uname -r)": "6.18.44",
        "$(uname -m)": "x86_64",
    }
    found = calls(Client().get("/api/").content.decode())
    answers = [(call.url, _send(call, bodies, variables).status_code) for call in found]
    assert len(answers) >= 18
    assert [(url, status) for url, status in answers if status not in (200, 201, 202)] == []
