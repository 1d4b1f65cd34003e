"""What the contract says of other suites' tests, tokens and replay, from HTTP to what a reader sees."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from catalog.models.text import Origin
from catalog.revisions import store
from people.access import machines
from people.models import Machine, Scope, Token
from reports.intake import batch
from reports.models import Evidence, Payload, Report, State
from reports.worker import ingest
from tests import builders
from tests.diagnosis import test_kcidb as kcidb
from tests.running import ROOT

pytestmark = pytest.mark.django_db

QUERY = "?kernel=6.18.44&architecture=x86_64"
KTAP = ROOT / "tests" / "diagnosis" / "ktap"
# As kselftest and LTP name them; see the field `names` of the cases' files.
SUITES = {
    "selftests: mm: migration": "lru-add-batches",
    "selftests: mm: hmm-tests": "device-exclusive",
    "selftests: mm: split_huge_page_test": "split-dirty-iomap",
    "selftests: mm: gup_test": "gup-longterm",
    "selftests: mm: cow": "vmsplice-pipe",
    "ltp.syscalls.move_pages01": "lru-add-batches",
    "ltp.syscalls.migrate_pages02": "lru-add-batches",
}


@pytest.fixture
def secret() -> str:
    return builders.token()


def post(secret: str, body: bytes, kind: str, query: str = "", path: str = "reports", **more: str) -> Any:
    headers = {"Authorization": f"Bearer {secret}", **more}
    return Client().post(f"/api/v1/{path}/{query}", body, kind, headers=headers)


def load(*slugs: str) -> None:
    """The catalog's own files."""
    for slug in slugs:
        store.save((ROOT / "data" / "cases" / f"{slug}.md").read_text(), origin=Origin.FILE)


@pytest.mark.parametrize("capture", ["kselftest", "kunit"])
def test_ktap_is_taken_as_it_was_printed(secret: str, capture: str) -> None:
    body = (KTAP / f"{capture}.ktap").read_bytes()
    sent = post(secret, body, "application/x-ktap", QUERY, **{"Run-Id": "run-00001"})
    ingest.drain()
    receipt = Client().get(sent["Location"]).json()
    expected = {"kselftest": 5, "kunit": 3}[capture]
    assert (sent.status_code, receipt["state"], receipt["nr_observations"]) == (202, "settled", expected)
    said = {row.names: row.outcome for row in Report.objects.get().observations.all()}
    skips = {name for name, outcome in said.items() if outcome == "skipped"}
    assert skips == ({"mm.migration.shared_anon_thp", "mm.cow"} if capture == "kselftest" else set())
    if capture == "kunit":  # XFAIL and TODO
        assert said["example.params.two"] == said["example.second"] == "failed"


def test_tests_of_other_suites_are_attached_to_the_cases_that_they_speak_of(secret: str) -> None:
    load(*sorted(set(SUITES.values())))
    lines = [f"ok {n} {name}" for n, name in enumerate(SUITES, 1)]
    body = "\n".join(["KTAP version 1", f"1..{len(lines)}", *lines, ""]).encode()
    assert post(secret, body, "application/x-ktap", QUERY, **{"Run-Id": "run-00001"}).status_code == 202
    paths = [name.replace("selftests: ", "kselftest.").replace(": ", ".") for name in SUITES]
    tests = [kcidb.test(f"lab:t{n}", path, "PASS") for n, path in enumerate(paths)]
    assert post(secret, kcidb.body(tests=tests), "application/vnd.kcidb+json").status_code == 202
    ingest.drain()
    assert set(Report.objects.values_list("state", "nr_unmatched")) == {("settled", 0)}
    for prefix, first in (("ktap", 3), ("kcidb", 0)):
        rows = Evidence.objects.filter(report__format=prefix).values_list("key", "case__slug")
        keys = [f"{n}:1" if prefix == "ktap" else f"/tests/{n}" for n in range(first, first + len(SUITES))]
        assert {(key, slug) for key, slug in zip(keys, SUITES.values(), strict=True)} <= set(rows)


def test_a_kernel_log_is_taken_and_becomes_evidence(secret: str) -> None:
    load("vmsplice-pipe")
    log = (ROOT / "tests" / "diagnosis" / "captures" / "vmsplice-offline-7.3.4+deb13.txt").read_bytes()
    for run, status in (("run-00001", 202), ("run-00002", 202), ("run-00001", 200)):
        assert post(secret, log, "text/plain", QUERY, **{"Run-Id": run}).status_code == status
    ingest.drain()
    assert set(Report.objects.values_list("state", "format")) == {("settled", "kernel-log")}
    assert Report.objects.count() == 2
    for report in Report.objects.all():
        receipt = Client().get(f"/api/v1/reports/{report.pk}/").json()
        assert receipt["nr_observations"] >= 1
        assert all(row["key"].startswith("line:") and row["reason"] for row in receipt["evidence"])


@pytest.mark.whole
def test_a_batch_of_ten_thousand_lines_is_taken_and_one_more_is_not(secret: str) -> None:
    body, mark = builders.body(run_id="THE-RUN-ID"), b"THE-RUN-ID"
    lines = [body.replace(mark, b"batch-%05d" % number) for number in range(batch.MAX_LINES)]
    answer = post(secret, b"\n".join(lines), batch.MEDIA_TYPE, path="batch")
    assert (answer.status_code, len(answer.content.splitlines())) == (202, 10_000)
    assert Report.objects.count() == Payload.objects.count() == 10_000
    more = post(secret, b"\n".join([*lines, body]), batch.MEDIA_TYPE, path="batch")
    assert (more.status_code, more.json()["code"]) == (413, "too-many-lines")


def test_both_secrets_open_while_they_overlap_and_use_is_shown() -> None:
    owner = builders.person()
    old = builders.token("box", owner)
    machine = Machine.objects.get()
    client = Client()
    client.force_login(owner)
    assert '">never<' in client.get("/machines/box/").content.decode()
    page = client.post("/machines/box/token", {"token": Token.objects.get().pk, "act": "rotate"}).content.decode()
    new = page[page.index("umg_") :][:47]
    for secret in (old, new):
        assert post(secret, builders.body(), "application/json").status_code == 202
        told = Client().get("/api/v1/whoami/", headers={"Authorization": f"Bearer {secret}"}).json()
        assert (told["machine"], told["token_prefix"]) == (machine.name, secret[:10])
    assert not Token.objects.filter(last_used_at=None).exists()
    assert '">never<' not in client.get("/machines/box/").content.decode()
    Token.objects.filter(expires_at__isnull=False).update(expires_at=timezone.now() - timedelta(hours=1))
    codes = [post(secret, builders.body(), "application/json").status_code for secret in (old, new)]
    assert codes == [401, 202]


@pytest.mark.parametrize("scopes", [(Scope.READ,), (Scope.CURATE,), (Scope.READ, Scope.CURATE)])
def test_no_other_scope_submits(scopes: tuple[Scope, ...]) -> None:
    secret = machines.add("box", builders.person(), scopes=scopes)
    assert post(secret, builders.body(), "application/json").status_code == 403
    assert post(secret, builders.body(), batch.MEDIA_TYPE, path="batch").status_code == 403
    assert not Report.objects.exists()


def test_a_session_submits_nothing_so_nothing_can_be_forged_with_it() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(builders.person())
    answer = client.post("/api/v1/reports/", builders.body(), "application/json")
    assert answer.status_code in (401, 403) and answer["Content-Type"] == "application/problem+json"
    assert not Report.objects.exists()


def test_reingest_by_case_says_first_and_does_then(secret: str, rings: list[float]) -> None:
    builders.case()
    builders.case("another")
    wanted, other = builders.settled(), builders.settled(builders.run("another"))
    broken = builders.report()
    whole = broken.payload.body
    Payload.objects.filter(report=broken).update(body=b"not zstd at all")
    ingest.drain()
    Payload.objects.filter(report=broken).update(body=whole)  # the fix

    def said(*words: str) -> str:
        out = StringIO()
        call_command("reingest", *words, stdout=out)
        return out.getvalue()

    rings.clear()
    before = list(Report.objects.order_by("pk").values())
    assert said("--case", "fuse-writeback", "--dry-run").startswith("1 ")
    assert list(Report.objects.order_by("pk").values()) == before and rings == [], "a dry run changes nothing"
    assert said("--case", "fuse-writeback").startswith("1 ")
    assert set(Report.objects.filter(state=State.RECEIVED)) == {wanted} and len(rings) == 1
    assert said("--state", "failed", "--format", "unmigratable-report").startswith("1 ")
    ingest.drain()
    other.refresh_from_db()
    assert set(Report.objects.values_list("state", flat=True)) == {"settled"} and other.attempts == 1
    with pytest.raises(CommandError, match="Say which"):
        said()


def test_pages_of_a_list_go_forth_and_back_by_their_links(secret: str) -> None:
    builders.case()
    for _ in range(5):
        builders.settled()

    def links(answer: Any) -> dict[str, str]:
        parts = [part.partition(">; rel=") for part in answer.headers.get("Link", "").split(", ") if part]
        return {name.strip('"'): url.lstrip("<") for url, _, name in parts}

    seen, answer = [], Client().get("/api/v1/cases/fuse-writeback/evidence/?limit=2")
    first = answer.json()["results"]
    assert set(links(answer)) == {"next"}
    while True:
        seen += [row["report"] for row in answer.json()["results"]]
        if "next" not in links(answer):
            break
        answer = Client().get(links(answer)["next"])
    assert len(seen) == len(set(seen)) == 5 and set(links(answer)) == {"prev"}
    back = Client().get(links(Client().get(links(answer)["prev"]))["prev"])
    assert back.json()["results"] == first
    for limit in ("0", "201", "x"):
        assert Client().get(f"/api/v1/cases/fuse-writeback/evidence/?limit={limit}").status_code == 400


def test_a_receipt_says_what_no_case_explains_and_which_name_was_perhaps_meant() -> None:
    builders.case()
    draft = builders.case("something-else-entirel").document
    draft.state = "draft"
    draft.save()
    secret = builders.token()
    runs = [builders.run(case=name) for name in ("fuse-writebak", "something-else-entirely")]
    sent = post(secret, builders.body(*runs), "application/json")
    ingest.drain()
    receipt = Client().get(sent.json()["url"]).json()
    assert receipt["unmatched"] == [
        {"key": "/runs/0", "kind": "run", "outcome": "hangs", "names": "fuse-writebak", "nearest": "fuse-writeback"},
        {"key": "/runs/1", "kind": "run", "outcome": "hangs", "names": "something-else-entirely"},
    ]
    held = post(secret, builders.body(builders.run(case="fuse-writeback"), run_id="run-00002"), "application/json")
    ingest.drain()
    assert "unmatched" not in Client().get(held.json()["url"]).json()


@pytest.mark.parametrize(("body", "is_empty"), [(b"", True), (b"usb 1-1: new device\n", False)])
def test_a_log_that_says_nothing_is_kept_and_its_page_says_so(secret: str, body: bytes, is_empty: bool) -> None:
    headers = {"Authorization": f"Bearer {secret}", "Run-Id": "run-00001"}
    length = {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "text/plain"}  # which the client leaves out for nothing
    assert Client().post(f"/api/v1/reports/{QUERY}", body, "text/plain", headers=headers, **length).status_code == 202
    ingest.drain()
    page = Client().get(Report.objects.get().get_absolute_url()).content.decode()
    assert "Nothing in it is of a kind that is known" in page
    assert ("It is empty" in page) is is_empty
