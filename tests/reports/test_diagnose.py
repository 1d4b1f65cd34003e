"""Diagnose as a page, as plain text for curl, and as JSON: the same verdict, nothing stored, drafts unknown."""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models.text import Origin
from catalog.revisions import store
from people.models import Role
from reports.diagnose.views import MAX_TEXT_BYTES, samples
from tests import builders
from tests.pages import on_one_line

pytestmark = pytest.mark.django_db

VMSPLICE, STACK = "vmsplice-offline-6.12", "fuse-writeback-offline-7.3"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def cases() -> None:
    builders.case("vmsplice-pipe", mechanism="extra_reference")
    builders.case("fuse-writeback", mechanism="writeback")


def paste(text: str, **more: Any) -> Any:
    return Client(headers=BROWSER).post("/diagnose/", {"text": text, **more})


def curl(body: str | bytes, query: str = "") -> Any:
    """As `curl --data-binary @file` sends it."""
    given = body.encode() if isinstance(body, str) else body
    url, form = f"/diagnose/{query}", "application/x-www-form-urlencoded"
    return Client(headers={"Accept": "*/*"}).post(url, given, content_type=form)


def api(body: str | bytes, **headers: str) -> Any:
    given = body.encode() if isinstance(body, str) else body
    return Client(headers=headers).post("/api/v1/diagnose/", given, content_type="text/plain")


def test_a_dump_names_the_mechanism_and_the_candidates_on_its_own_lines(cases: None) -> None:
    page = paste(samples()[VMSPLICE]).content.decode()
    assert "One unaccounted reference on an anonymous folio in ZONE_MOVABLE" in page
    assert "Mechanism, proved" in page and "/cases/vmsplice-pipe/" in page and "/cases/fuse-writeback/" not in page
    assert 'id="L5" class="hit"' in page and 'href="#L5"' in page


@pytest.mark.parametrize(("before", "left_out"), [(0, 0), (1, 0), (4, 0), (5, 4), (300, 299)])
def test_lines_that_say_nothing_are_left_out_where_that_saves_room(cases: None, before: int, left_out: int) -> None:
    """One line stays in sight before the first that says something."""
    noise = [f"[    1.{n:06}] usb 1-1: new device {n}\n" for n in range(before)]
    dump = samples()[VMSPLICE].rstrip("\n") + "\n"
    page = paste("".join(noise) + dump).content.decode()
    gap = f'<div class="gap">{left_out} lines</div>'
    assert page.count('class="gap"') == (1 if left_out else 0) and (gap in page or not left_out)
    numbers = [int(n) for n in re.findall(r'<div id="L(\d+)"', page)]
    assert numbers == list(range(left_out + 1, before + dump.count("\n") + 1))


def test_those_between_whom_nothing_decides_have_one_number(cases: None) -> None:
    """Whoever is proved stands alone above them; alone on the page, there is nobody to be equal to."""
    equals = "Between those with one number nothing in this text decides."
    assert equals not in paste(samples()[STACK]).content.decode()
    for slug in ("also-possible", "possible-too"):
        builders.case(slug, mechanism="writeback")
    page = paste(samples()[STACK]).content.decode()
    assert equals in page and page.count('<span class="muted">1.</span>') >= 2


def test_a_stack_of_a_sleeping_mover_says_so(cases: None) -> None:
    page = paste(samples()[STACK]).content.decode()
    assert "/cases/fuse-writeback/" in page and "/cases/vmsplice-pipe/" not in page
    assert "sleeps in D" in page and "SIGKILL" in page


@pytest.mark.parametrize("name", sorted(samples()))
def test_every_sample_is_known_by_page_curl_and_api_alike(cases: None, name: str) -> None:
    page = Client(headers=BROWSER).get("/diagnose/", {"sample": name})
    document = api(samples()[name]).json()
    assert document["findings"][0]["mechanism"]
    assert document["findings"][0]["sentence"] in html.unescape(page.content.decode())
    plain = curl(samples()[name])
    assert plain["Content-Type"] == "text/plain; charset=utf-8"
    assert plain.content.decode().split("\n")[0].startswith("Proved: ")


def test_a_file_is_read_before_the_text_field(cases: None) -> None:
    upload = SimpleUploadedFile("dmesg", samples()[STACK].encode())
    assert "sleeps in D" in paste(samples()[VMSPLICE], file=upload).content.decode()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252"])
def test_a_file_of_another_machines_encoding_is_read(cases: None, encoding: str) -> None:
    body = ("Müller schrieb:\n" + samples()[VMSPLICE]).encode(encoding)
    sentence = "One unaccounted reference on an anonymous folio"
    assert sentence in paste("", file=SimpleUploadedFile("dmesg", body)).content.decode()
    assert sentence in curl(body).content.decode()
    assert "Müller" in paste("", file=SimpleUploadedFile("dmesg", body)).content.decode()
    assert sentence in api(body).json()["summary"]


def test_the_senders_kernel_decides_where_kernels_mean_different_things(cases: None) -> None:
    text = "cma: __cma_alloc: reserved: alloc failed, req-size: 512 pages, ret: -16\n"
    may_be_full, busy = "its area is full, or", "tried ranges, and pages in them"
    assert may_be_full in paste(text).content.decode()
    for kernel, said in (("6.12.9", busy), ("6.18.1", may_be_full)):
        assert said in paste(text, kernel=kernel).content.decode()
        assert said in curl(text, f"?kernel={kernel}").content.decode()


@pytest.mark.parametrize("named", ["", "Linux version 6.12.9 (b@c) (gcc) #1 SMP\n"])
def test_the_kernels_field_stands_once_and_open_beside_the_verdict_where_no_line_tells_it(
    cases: None, named: str
) -> None:
    page = paste(named + "[<0>] folio_wait_writeback+0x2b/0x80\n[<0>] migrate_pages_batch+0x37c/0xb80\n").text
    assert page.count('name="kernel"') == 1
    assert (page.index('name="kernel"') > page.index("</details>")) is not bool(named)


def test_what_to_do_now_stands_once_with_the_finding_that_asks_for_it(cases: None) -> None:
    page = paste(samples()[VMSPLICE]).content.decode()
    assert page.count("The mover can be interrupted") == 1
    order = [page.index(part) for part in ("One unaccounted reference", "The mover can be interrupted", "holder</h3>")]
    assert order == sorted(order)


def test_nothing_is_stored(cases: None) -> None:
    before = {model: model._default_manager.count() for model in apps.get_models()}
    for ask in (paste, curl, api):
        assert ask(samples()[VMSPLICE]).status_code == 200
    assert before == {model: model._default_manager.count() for model in apps.get_models()}


def test_what_is_pasted_never_becomes_markup(cases: None) -> None:
    hostile = samples()[VMSPLICE].replace("anon flags", "<script>alert(1)</script> anon flags")
    page = paste(hostile, kernel="<img src=x>").content.decode()
    assert "<script>alert" not in page and "<img src=x" not in page


@pytest.mark.parametrize("text", ["", "   \n", "hello", "\x00\x01\x02", "\ud7ff\ufffe\u202e", "page:" * 2_000])
def test_what_says_nothing_gets_a_page_that_says_so(cases: None, text: str) -> None:
    page = paste(text)
    assert page.status_code == 200 and "Mechanism" not in page.content.decode()


def test_none_of_the_known_is_a_verdict(cases: None) -> None:
    said = curl("systemd[1]: Started something.\n" * 20).content.decode()
    assert said.startswith("Nothing in this text")


def test_too_much_is_refused_and_a_little_less_is_not(cases: None) -> None:
    line = "kernel: nothing to see here\n"
    fits = line * (MAX_TEXT_BYTES // len(line))
    for ask in (paste, curl, api):
        assert ask(fits).status_code == 200
        assert ask(fits + line * 2).status_code == 413


def test_curl_without_a_text_gets_the_usage() -> None:
    assert curl("").status_code == 422
    assert "--data-binary" in Client(headers={"Accept": "*/*"}).get("/diagnose/").content.decode()


def test_the_api_says_that_there_is_no_text(cases: None) -> None:
    empty = Client().generic("POST", "/api/v1/diagnose/", content_type="text/plain", CONTENT_LENGTH="0")
    for answer in (empty, api(gzip.compress(b""), content_encoding="gzip")):
        assert (answer.status_code, answer.json()["code"]) == (422, "no-text")


def test_the_api_takes_compressed_texts_and_refuses_broken_ones(cases: None) -> None:
    body = gzip.compress(samples()[STACK].encode())
    assert api(body, content_encoding="gzip").json()["findings"][0]["mechanism"] == "writeback"
    answer = api(body[:-9], content_encoding="gzip")
    assert (answer.status_code, answer.json()["code"]) == (422, "wrongly-compressed")
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_packed_file_is_unpacked_by_page_curl_and_api_alike(cases: None, pack: Callable[[bytes], bytes]) -> None:
    file = pack(samples()[STACK].encode())
    for text in (paste("", file=SimpleUploadedFile("kern.log.2", file)), curl(file)):
        assert "until a folio's writeback ends" in html.unescape(text.content.decode())
    assert api(file).json()["findings"][0]["mechanism"] == "writeback"
    assert curl(pack(bytes(MAX_TEXT_BYTES + 1))).status_code == 413
    assert api(pack(bytes(MAX_TEXT_BYTES + 1))).status_code == 413
    assert curl(file[:-9]).status_code == 200


def test_the_api_ranks_matches_with_reasons_and_places(cases: None) -> None:
    document = api(samples()[VMSPLICE]).json()
    match = document["matches"][0]
    assert (match["case"], match["kind"], match["finding"]) == ("vmsplice-pipe", "candidate", 0)
    place = document["findings"][0]["reasons"][0]["places"][0]
    line = samples()[VMSPLICE].split("\n")[place["line"] - 1]
    assert line[place["column"] - 1 :].startswith("3 mapcount")
    assert document["kernel"] == "6.12.95+deb12-amd64"


def test_what_was_measured_on_that_kernel_stands_beside_a_candidate(cases: None) -> None:
    kernel = {"release": "6.19.5", "architecture": "x86_64"}
    text = samples()[VMSPLICE].replace("6.12.95+deb12-amd64", kernel["release"])  # a line whose source nobody has read
    assert api(text).json()["matches"][0]["affected"] == "unknown"
    held = builders.run("vmsplice-pipe", mover="move_pages", outcome="refuses", attempt={"returned": True})
    builders.settled(held, kernel=kernel)
    assert api(text).json()["matches"][0]["affected"] == "affected"


def test_a_draft_is_no_candidate_for_strangers(cases: None) -> None:
    case = builders.case("a-secret-draft", mechanism="extra_reference")
    case.document.state = "draft"
    case.document.save()
    editor = Client(headers=BROWSER)
    editor.force_login(builders.person(role=Role.EDITOR))
    shown = editor.post("/diagnose/", {"text": samples()[VMSPLICE]}).content.decode()
    assert "a-secret-draft" in shown
    for ask in (paste, curl, api):
        assert "a-secret-draft" not in ask(samples()[VMSPLICE]).content.decode()


def test_a_text_of_several_kernels_names_them_and_asks_which(cases: None) -> None:
    boots = "Linux version 6.1.0-18-amd64 (a) #1\n" + samples()[VMSPLICE].replace("6.12.95", "6.12.57")
    shown = on_one_line(paste(boots))
    assert "The text has several (6.1.0-18-amd64, 6.12.57" in shown
    assert "Several kernels, each read by its own meaning: 6.1.0-18-amd64, 6.12.57" in curl(boots).content.decode()


def test_queries_do_not_grow_with_the_text(cases: None) -> None:
    def queries(text: str) -> int:
        with CaptureQueriesContext(connection) as made:
            assert api(text).status_code == 200
        return len(made)

    lines = "\n".join(samples().values()).splitlines()
    of_one_kernel = "\n".join(line for line in lines if "Linux version" not in line)
    assert queries(samples()[STACK]) == queries(samples()[STACK] + of_one_kernel * 3) <= 8
    assert queries("\n".join(samples().values())) < queries(samples()[STACK]), "several kernels: none is judged"


def test_the_page_works_at_any_address_of_a_log() -> None:
    assert json.loads(api("x").content)["findings"] == []
    assert Client().put("/diagnose/").status_code == 405


BY_HAND = """1. Ask first:

   ```sh reads
   sudo python3 probe.pyz inspect
   ```

2. Then, if nothing else is left:

   ```sh loses_data
   echo 1 | sudo tee /sys/fs/fuse/connections/57/abort
   ```

   ```text
   what it prints
   ```
"""
FUSE_PROOF = {
    "signature": {
        "mechanisms": ["writeback"],
        "proves": [{"marks": ["mechanism:writeback", "said:only-writeback:fuse"], "why": "All are of FUSE."}],
    }
}


INSPECTED = Path(__file__).parents[1] / "diagnosis" / "captures" / "inspect-fuse-writeback-offline-7.3.4+deb13.txt"
PROVES_FUSE = INSPECTED.read_text()
PROVES_NOBODY = "".join(line for line in PROVES_FUSE.splitlines(keepends=True) if "fuse" not in line)


def proved_case() -> None:
    body = f"A summary.\n\n## What to do now\n\n{BY_HAND}"
    store.save(builders.case_text("fuse-writeback", body=body, **FUSE_PROOF), origin=Origin.FILE)


def test_a_proved_case_brings_what_its_page_says_to_do_with_the_mark_of_each_command() -> None:
    proved_case()
    page = paste(PROVES_FUSE).text
    assert page.count("What to do now: The case fuse-writeback") == 1
    assert '<p class="does reads">reads only</p>' in page and '<p class="does loses_data">loses data</p>' in page
    assert 'href="/cases/fuse-writeback/#what-to-do-now"' in page
    order = [
        page.index(part) for part in ("Mechanism, proved", "What to do now: ", 'class="does reads"', "holder</h3>")
    ]
    assert order == sorted(order)


def test_curl_is_told_the_same_steps_with_their_marks() -> None:
    proved_case()
    said = curl(PROVES_FUSE).text
    assert "What to do now, by the page of fuse-writeback (" in said and "#what-to-do-now)" in said
    assert "   [reads only]\n   sudo python3 probe.pyz inspect\n" in said
    assert "   [loses data]\n   echo 1 | sudo tee /sys/fs/fuse/connections/57/abort\n" in said
    assert "```" not in said and "what it prints" in said


def test_a_case_that_is_only_possible_tells_nobody_what_to_do() -> None:
    proved_case()
    for said in (paste(samples()[VMSPLICE]).text, curl(samples()[VMSPLICE]).text, paste(PROVES_NOBODY).text):
        assert "What to do now: " not in said and "by the page of" not in said


def test_a_case_that_two_findings_prove_brings_its_steps_once() -> None:
    proves = [{"marks": ["mechanism:writeback"], "why": "It is."}]
    head = {"signature": {"mechanisms": ["writeback"], "proves": proves}}
    body = f"A summary.\n\n## What to do now\n\n{BY_HAND}"
    store.save(builders.case_text("fuse-writeback", body=body, **head), origin=Origin.FILE)
    waits = "[<0>] folio_wait_writeback+0x2b/0x80\n[<0>] migrate_pages_batch+0x37c/0xb80\n[<0>] "
    tasks = {7: "offline_pages", 8: "alloc_contig_range"}
    told = (f"inspect: task pid={pid} comm=a state=D\n{waits}{mover}+0x1/0x2\n" for pid, mover in tasks.items())
    page = paste("".join(told)).text
    assert page.count("Mechanism, proved") == 2 and page.count("What to do now: ") == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/diagnose/", b"x", 405),
        ("POST", "/diagnose/", b"x" * (MAX_TEXT_BYTES + 1), 413),
        ("POST", "/diagnose/", b"x" * (13 << 20), 413),
        ("POST", "/diagnose/", b"", 422),
        ("GET", "/diagnose/nothing/", b"", 404),
        ("POST", "/diagnose", b"x", 308),
    ],
)
def test_every_error_is_text_for_curl_and_a_page_for_a_browser(
    method: str, path: str, body: bytes, status: int
) -> None:
    said = Client(headers={"Accept": "*/*"}).generic(method, path, body, "application/x-www-form-urlencoded")
    assert (said.status_code, said["Content-Type"]) == (status, "text/plain; charset=utf-8")
    assert said.text.strip() and "<" not in said.text
    if status in (404, 405):
        page = Client(headers=BROWSER).generic(method, path, body, "application/x-www-form-urlencoded")
        assert (page.status_code, page["Content-Type"]) == (status, "text/html; charset=utf-8")


def test_a_name_that_is_not_ours_is_refused_in_text() -> None:
    said = Client(headers={"Accept": "*/*"}).get("/diagnose/", SERVER_NAME="elsewhere.example")
    assert (said.status_code, said["Content-Type"]) == (400, "text/plain; charset=utf-8")
