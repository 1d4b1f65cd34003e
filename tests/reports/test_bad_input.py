"""Bad input, format by format: each with the problem that it is told, or, where any bytes are a text, with what is
made of it. What it costs is measured in a process of its own, at the same door as gunicorn's.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from typing import Any

import pytest
import zstandard
from django.db import connection
from django.test import Client

from diagnosis.formats import monitor
from reports.intake import batch
from reports.models import Observation, Report, State
from reports.worker import ingest
from tests import builders
from tests.diagnosis import test_kcidb as kcidb
from tests.diagnosis import test_monitor
from tests.running import ROOT

pytestmark = pytest.mark.django_db

NATIVE, KCIDB, MONITOR = "application/json", "application/vnd.kcidb+json", monitor.MEDIA_TYPE
KTAP, LOG = "application/x-ktap", "text/plain"
# A good body of each kind that is JSON, and a text in it that anything can stand in for.
JSON: dict[str, tuple[bytes, bytes]] = {
    NATIVE: (builders.body(builders.run(reason="a text of ours")), b"a text of ours"),
    KCIDB: (kcidb.body(comment="a text of ours"), b"a text of ours"),
    MONITOR: (
        test_monitor.body(test_monitor.event("counter", "pgmigrate_fail", rise=7), probe={"version": "a text of ours"}),
        b"a text of ours",
    ),
}
PLACE = {NATIVE: "/runs/0/reason", KCIDB: "/comment", MONITOR: "/probe/version"}
HEAD = b"KTAP version 1\n1..1\n"
DUMP = "page: refcount:%d mapcount:0 mapping:0000000000000000 index:0x0 pfn:0x1100fd\npage dumped because: migration"


@pytest.fixture
def secret() -> str:
    return builders.token()


def send(secret: str, body: bytes, kind: str, path: str = "/api/v1/reports/", **more: str) -> Any:
    text = kind in (KTAP, LOG)
    query = "?kernel=6.18.44&architecture=x86_64" if text else ""
    headers = {"Authorization": f"Bearer {secret}", **({"Run-Id": "run-00001"} if text else {}), **more}
    return Client().post(
        path + query, body, kind, headers=headers, CONTENT_LENGTH=str(len(body)), CONTENT_TYPE=kind
    )  # for nothing, too


def refused(answer: Any) -> tuple[int, str, str]:
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code and problem["title"] and problem["detail"]
    row = Report.objects.get()
    assert row.state == State.REJECTED and row.reason is not None and row.reason["code"] == problem["code"]
    assert Client().get(problem["instance"]).json()["problem"]["code"] == problem["code"]
    return answer.status_code, problem["code"], problem["errors"][0]["where"]


HOSTILE_JSON: list[tuple[str, Any, str, str]] = [
    ("empty", lambda body, mark: b"", "not-json", "1:1"),
    ("truncated", lambda body, mark: body[:40], "not-json", "1:"),
    ("binary", lambda body, mark: bytes(range(256)) * 4, "not-json", ""),
    ("UTF-16", lambda body, mark: body.decode().encode("utf-16"), "not-json", ""),
    ("two byte order marks", lambda body, mark: b"\xef\xbb\xbf" * 2 + body, "not-json", "1:1"),
    ("bare NUL", lambda body, mark: body.replace(mark, b"a\x00b"), "not-json", "1:"),
    ("NUL", lambda body, mark: body.replace(mark, rb"a\u0000b"), "wrong-shape", "PLACE"),
    ("lone surrogate", lambda body, mark: body.replace(mark, rb"a\ud800b"), "wrong-shape", "PLACE"),
    ("surrogate bytes", lambda body, mark: body.replace(mark, b"a\xed\xa0\x80b"), "not-json", ""),
    ("arrays, deep", lambda body, mark: b"[" * 500_000 + b"]" * 500_000, "not-json", ""),
    ("objects, deep", lambda body, mark: b'{"a":' * 200_000, "not-json", ""),
    ("deep inside", lambda body, mark: body.replace(b'"%s"' % mark, b"[" * 30 + b"]" * 30), "wrong-shape", "PLACE"),
    ("a number of 5,000 digits", lambda body, mark: body.replace(b'"%s"' % mark, b"9" * 5_000), "not-json", ""),
    ("NaN", lambda body, mark: body.replace(b'"%s"' % mark, b"NaN"), "not-json", ""),
    ("a name twice", lambda body, mark: body[:-1] + b', "version": 1}', "not-json", ""),
    ("a long name", lambda body, mark: body[:-1] + b', "%s": 1}' % (b"x" * 5_000), "wrong-shape", ""),
    ("two values", lambda body, mark: body + body, "not-json", "1:"),
    ("not an object", lambda body, mark: b'"text"', "wrong-shape", ""),
]


@pytest.mark.parametrize("kind", JSON)
@pytest.mark.parametrize(("make", "code", "where"), [one[1:] for one in HOSTILE_JSON], ids=[h[0] for h in HOSTILE_JSON])
def test_bad_json_is_told_what_and_where(secret: str, kind: str, make: Any, code: str, where: str) -> None:
    body = make(*JSON[kind])
    assert body != JSON[kind][0]
    status, told, place = refused(send(secret, body, kind))
    assert (status, told) == (422, code)
    assert place.startswith(PLACE[kind] if where == "PLACE" else where)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["bare", "a byte order mark"])
@pytest.mark.parametrize("kind", JSON)
def test_the_same_without_the_damage_is_taken(secret: str, kind: str, mark: bytes) -> None:
    assert send(secret, mark + JSON[kind][0], kind).status_code == 202


@pytest.mark.parametrize("kind", [*JSON, KTAP, LOG])
@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"x" * ((1 << 20) + 1), {}, 413, "too-large"),
        (gzip.compress(bytes(100_000_000), 9), {"Content-Encoding": "gzip"}, 413, "too-large"),
        (zstandard.compress(bytes(100_000_000)), {"Content-Encoding": "zstd"}, 413, "too-large"),
        (gzip.compress(gzip.compress(bytes(3 << 20))), {"Content-Encoding": "gzip, gzip"}, 415, "unknown-encoding"),
        (b"{}", {"Content-Encoding": ""}, 415, "unknown-encoding"),
        (b"\x1f\x8b" + b"\xff" * 100, {"Content-Encoding": "gzip"}, 422, "wrongly-compressed"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 100, {"Content-Encoding": "zstd"}, 422, "wrongly-compressed"),
    ],
    ids=["one long line", "gzip bomb", "zstd bomb", "gzip twice", "no encoding", "broken gzip", "broken zstd"],
)
def test_what_is_too_much_or_does_not_unpack_is_refused_in_every_format(
    secret: str, kind: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    assert refused(send(secret, body, kind, **headers))[:2] == (status, code)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("application/octet-stream", 415, "unknown-media-type"),
        ("application/rss+xml", 415, "unknown-media-type"),
        ("multipart/form-data; boundary=x", 415, "unknown-media-type"),
        ("application/x-www-form-urlencoded", 415, "unknown-media-type"),
        ("no type at all", 415, "unknown-media-type"),
        (KCIDB, 422, "wrong-shape"),
        (MONITOR, 422, "wrong-shape"),
        ("application/x-ktap", 422, "bad-parameter"),
        ("application/xml", 422, "bad-parameter"),  # JUnit, which names no kernel
    ],
)
def test_a_native_report_under_a_wrong_content_type(secret: str, kind: str, status: int, code: str) -> None:
    headers = {"Authorization": f"Bearer {secret}"}
    answer = Client().post("/api/v1/reports/", JSON[NATIVE][0], kind, headers=headers)
    assert refused(answer)[:2] == (status, code)


HOSTILE_KTAP: list[tuple[str, bytes, str]] = [
    ("empty", b"", "1:1"),
    ("binary", bytes(range(256)) * 100, "1:1"),
    ("NUL alone", b"\x00" * 1_000, "1:1"),
    ("cut before the first result", b"KTAP version 1\n# selftests: mm: cow\n", "3:1"),
    ("too deep", b"".join(b"  " * n + b"KTAP version 1\n" for n in range(40)), "13:1"),
    ("too many", HEAD + b"ok\n" * 6_000, "5003:1"),
]


@pytest.mark.parametrize(("body", "where"), [one[1:] for one in HOSTILE_KTAP], ids=[one[0] for one in HOSTILE_KTAP])
def test_bad_ktap_is_told_the_line(secret: str, body: bytes, where: str) -> None:
    assert refused(send(secret, body, KTAP)) == (422, "not-ktap", where)


ANY_TEXT: list[tuple[str, str, bytes, int]] = [
    ("KTAP cut inside a test", KTAP, b"KTAP version 1\n1..2\n  KTAP version 1\n  1..2\n  ok 1 a\n  not", 3),
    ("KTAP, NUL, bidi, no UTF-8", KTAP, HEAD + "ok 1 a\u202eb\x00c\n".encode() + b"not ok 2 \xed\xa0\x80\xff\n", 2),
    ("KTAP, huge numbers", KTAP, b"KTAP version 1\n1..999999999\nok 99999999999999999999 a\n", 2),
    ("KTAP, a line of 1 MB", KTAP, HEAD + b"ok 1 " + b"x" * 1_000_000 + b"\n", 1),
    ("KTAP, the same twice", KTAP, HEAD + b"ok 1 a\nok 1 a\n", 2),
    ("log, empty", LOG, b"", 0),
    ("log, binary", LOG, bytes(range(256)) * 4_000, 0),
    ("log, NUL and bidi", LOG, "\x00\u202e page:\x00 refcount:\u2066\n".encode() * 1_000, 0),
    ("log, no UTF-8", LOG, b"page:\xed\xa0\x80 refcount:1\xff\n" * 1_000, -1),
    ("log, a line of 1 MB", LOG, b"page: " * 170_000, 0),
    ("log, huge numbers", LOG, (DUMP.replace("%d", "9" * 4_000) + "\n").encode() * 20, -1),
    ("log, one dump again and again", LOG, (DUMP % 3 + "\n").encode() * 7_000, -1),
    ("log, cut inside a dump", LOG, (DUMP % 3).encode()[:60], -1),
]


@pytest.mark.whole
@pytest.mark.parametrize(("kind", "body", "number"), [o[1:] for o in ANY_TEXT], ids=[o[0] for o in ANY_TEXT])
def test_any_text_is_settled_and_shown_without_what_cannot_be_seen(
    secret: str, kind: str, body: bytes, number: int
) -> None:
    answer = send(secret, body, kind)
    assert answer.status_code == 202
    ingest.drain()
    report = Report.objects.get()
    assert (report.state, report.traceback) == (State.SETTLED, "")
    assert number < 0 or Observation.objects.count() == number
    shown = Client().get(f"/reports/{report.pk}/").content.decode() + json.dumps(
        Client().get(f"/api/v1/reports/{report.pk}/").json(), ensure_ascii=False
    )
    assert not {"\x00", "\u202e", "\u2066"} & set(shown)


@pytest.mark.parametrize("text", ["\\u202e", "\u202e", "\u2066 \u200b", "<script>alert(1)</script>"])
def test_what_turns_the_reading_direction_never_reaches_a_page(secret: str, text: str) -> None:
    builders.case()
    body, mark = JSON[NATIVE]
    assert send(secret, body.replace(mark, text.encode()), NATIVE).status_code in (202, 422)
    ingest.drain()
    report = Report.objects.get()
    for path in (f"/reports/{report.pk}/", "/cases/fuse-writeback/", "/reports/"):
        page = Client().get(path).content.decode()
        assert "<script>alert" not in page and not {"\u202e", "\u2066", "\u200b"} & set(page), path


@pytest.mark.parametrize(
    ("lines", "status", "codes"),
    [
        (b"[" * 100_000 + b"\n" + b'{"a":' * 1_000 + b"\n\xff\xfe\n\x00\n", 422, ["not-json"] * 4),
        (b'"\xe2\x80\xa8"\n', 422, ["wrong-shape"]),
        (b"1\r\n2\r3\n", 422, ["wrong-shape", "not-json"]),
    ],
)
def test_bad_lines_of_a_batch_are_told_one_by_one(secret: str, lines: bytes, status: int, codes: list[str]) -> None:
    answer = send(secret, lines, batch.MEDIA_TYPE, "/api/v1/batch/")
    assert answer.status_code == status
    assert [json.loads(line)["problem"]["code"] for line in answer.content.splitlines()] == codes


# What each costs: the peak of resident memory above what the process had, in MiB. The door reads 1 MiB (a batch 32)
# and unpacks to as much; Python's objects for a value of 1 MiB of JSON are some forty times its bytes.
COST = '''
import gzip, io, json, os, sys
from config.wsgi import application
import zstandard
from reports.worker import ingest

class Line:
    """100 MB without an end of line, which nobody holds in memory."""
    left = 100_000_000
    def read(self, size=-1):
        size = self.left if size is None or size < 0 else min(size, self.left)
        self.left -= size
        return b"x" * size
    readline = read

def post(path, kind, stream, length, encoding="", query="kernel=6.18.44&architecture=x86_64"):
    seen = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": path, "QUERY_STRING": query, "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80", "HTTP_HOST": "127.0.0.1", "CONTENT_TYPE": kind, "CONTENT_LENGTH": str(length),
        "wsgi.input": stream, "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http", "REMOTE_ADDR": "127.0.0.1",
        "HTTP_AUTHORIZATION": "Bearer " + os.environ["SECRET"], "HTTP_RUN_ID": "run-%08d" % len(done)}
    if encoding:
        environ["HTTP_CONTENT_ENCODING"] = encoding
    answer = application(environ, lambda status, headers: seen.append(int(status.split()[0])))
    for part in answer: pass
    answer.close()
    return seen[0]

def peak():
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM")) // 1024

def cost(name, act):
    open("/proc/self/clear_refs", "w").write("5")
    before = peak()
    answer = act()
    done.append((name, answer, peak() - before))

R, B, D = "/api/v1/reports/", "/api/v1/batch/", "/api/v1/diagnose/"
J, K, T, N = "application/json", "application/x-ktap", "text/plain", "application/x-ndjson"
MIB = 1 << 20
done = []
def text(body): return lambda path, kind, encoding="": post(path, kind, io.BytesIO(body), len(body), encoding)
for path, kind in ((R, J), (R, T), (B, N), (D, T)):
    text(b"{}")(path, kind)  # everything is loaded
ingest.drain()
gz, zs = gzip.compress(bytes(100_000_000), 9), zstandard.compress(bytes(100_000_000))
for path, kind in ((R, J), (R, K), (R, T), (D, T), (B, N)):
    cost("a line of 100 MB to %s as %s" % (path, kind), lambda: post(path, kind, Line(), Line.left))
    cost("a gzip bomb to %s as %s" % (path, kind), lambda: text(gz)(path, kind, "gzip"))
    cost("a zstd bomb to %s as %s" % (path, kind), lambda: text(zs)(path, kind, "zstd"))
for name, body in (("deep", b"[" * MIB), ("empty arrays", b"[" + b"[]," * 349_000 + b"[]]"),
                   ("empty objects", b"[" + b"{}," * 349_000 + b"{}]"), ("numbers", b"[" + b"0," * 524_000 + b"0]"),
                   ("names", b"{" + b",".join(b'"%07d":0' % n for n in range(87_000)) + b"}")):
    cost(name + ", 1 MiB", lambda: text(body)(R, J))
cost("KTAP of 1 MiB", lambda: text(b"KTAP version 1\\n" + b"ok\\n" * 349_000)(R, K))
dump = b"page: refcount:3 mapcount:0 mapping:0000000000000000 index:0x0 pfn:0x1100fd\\npage dumped because: x\\n"
cost("a log of dumps", lambda: text(dump * 10_000)(R, T))
cost("the worker, reading that log", lambda: 0 if ingest.drain() else 1)
cost("a diagnosis of that log", lambda: text(dump * 10_000)(D, T))
print(json.dumps(done))
'''
MOST_MIB, MOST_OF_A_BATCH_MIB = 96, 160


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_nothing_that_is_sent_costs_more_memory_than_stated() -> None:
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    environment = {
        **os.environ,
        "DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET": builders.token(),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COST],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 24
    for name, answer, mib in found:
        assert answer in (0, 200, 202, 413, 422), (name, answer)
        assert mib < (MOST_OF_A_BATCH_MIB if "batch" in name else MOST_MIB), found
    assert all(answer == 413 for name, answer, _ in found if "100 MB" in name or "bomb" in name), found
    assert not Report.objects.filter(state__in=(State.FAILED, State.RECEIVED)).exists()


def test_what_is_turned_away_has_an_id_that_tells_when_as_all_others_have() -> None:
    secret = builders.token()
    given = {"content_type": "application/json", "headers": {"Authorization": f"Bearer {secret}"}}
    assert Client().post("/api/v1/reports/", b"no json", **given).status_code == 422
    assert [report.pk.version for report in Report.objects.all()] == [7]
