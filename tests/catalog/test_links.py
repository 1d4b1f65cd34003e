"""Links of a document: named by line, malformed ones refused, dead ones told from those that could not be tried."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.documents import links
from catalog.documents.parser import Malformed, parse
from tests import builders

LINK = {"kind": "article", "ref": "https://lwn.net/1", "title": "An article"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ref": "http://lwn.net/1"}, "expected an https address"),
        ({"ref": "https://lwn.net/a b"}, "expected an https address"),
        ({"kind": "message", "ref": "<a@b.c>"}, "without brackets or address"),
        ({"kind": "message", "ref": "https://lore.kernel.org/all/a@b.c/"}, "without brackets or address"),
        ({"kind": "commit", "ref": "0c58a97"}, "12 to 40 hex digits"),
        ({"kind": "commit", "ref": "0c58a97f919c (“fuse”)"}, "12 to 40 hex digits"),
    ],
)
def test_a_malformed_link_is_told_at_its_own_line(changed: dict[str, str], message: str) -> None:
    def text(link: dict[str, str]) -> str:
        block = "links:\n- kind: {kind}\n  title: x\n  ref: {ref}\nsubsystems:".format(**link)
        return builders.case_text().replace("subsystems:", block)

    parse(text(LINK))
    bad = text({**LINK, **changed})
    with pytest.raises(Malformed) as caught:
        parse(bad)
    (problem,) = caught.value.problems
    assert message in problem.message and problem.field == "links.0.ref"
    assert bad.split("\n")[problem.line - 1].startswith("  ref:")


def test_a_link_in_prose_that_leads_nowhere_is_told_at_its_line() -> None:
    body = "A summary of\n[one](https://a.example/) and\n[two](lore.kernel.org/x).\n\n```\n[code](x)\n```"
    text = builders.case_text(body=body)
    (problem,) = links.malformed(text)
    assert text.split("\n")[problem.line - 1] == "[two](lore.kernel.org/x)."
    assert problem.message == "expected a link to begin with https://, found 'lore.kernel.org/x'"


def test_all_places_of_a_document_are_found() -> None:
    mail = {"kind": "message", "ref": "a@b.c", "title": "A mail"}
    claim = {"id": "one", "text": "So.", "standing": "asserted", "source": mail, "answer_source": LINK}
    places = links.of(builders.case_text(body="See [it](https://a.example/).", links=[LINK], claims=[claim]))
    assert [(place.field, place.url) for place in places] == [
        ("links", "https://lwn.net/1"),
        ("source", "https://lwn.net/1"),
        ("source", "https://lore.kernel.org/all/a@b.c/"),
        ("", "https://a.example/"),
    ]
    strategy = builders.strategy_text(
        states=[{"state": "idea", "source": mail}], objections=[{"id": "one", "text": "No.", "source": LINK}]
    )
    assert {place.field for place in links.of(strategy)} == {"states", "source"}


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        status = int(self.path.strip("/").partition("?")[0])
        if status == 0:
            threading.Event().wait(2)
            return
        self.send_response(status)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    made = HTTPServer(("127.0.0.1", 0), Answers)
    made.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, []), (404, [True]), (410, [True]), (403, [False]), (429, [False]), (500, [False]), (0, [False])],
)
def test_only_what_is_gone_is_dead(server: HTTPServer, status: int, expected: list[bool]) -> None:
    place = links.FoundLink(3, "links", f"http://127.0.0.1:{server.server_port}/{status}")
    assert [found.is_dead for found in links.tried([place], seconds=0.5)] == expected


def test_an_address_is_asked_once_and_told_everywhere(server: HTTPServer) -> None:
    url = f"http://127.0.0.1:{server.server_port}/404"
    found = list(links.tried([links.FoundLink(3, "links", url), links.FoundLink(9, "", url + "#part")]))
    assert [tried.place.line for tried in found] == [3, 9]
    assert server.seen == ["/404"]  # type: ignore[attr-defined]


def test_check_cases_asks_nobody_unless_told_to(tmp_path: Path) -> None:
    path = tmp_path / "fuse-writeback.md"
    path.write_text(builders.case_text(links=[{**LINK, "ref": "https://127.0.0.1:1/closed"}]))
    out, err = StringIO(), StringIO()
    call_command("check_cases", str(path), stdout=out, stderr=err)
    assert (out.getvalue(), err.getvalue()) == ("1 file checked, nothing to mend\n", "")
    with pytest.raises(CommandError, match="1 problem in 1 file"):
        call_command("check_cases", str(path), "--links", stdout=out, stderr=err)
    assert err.getvalue().startswith(f"{path}:10: links: dead link: https://127.0.0.1:1/closed: ")
