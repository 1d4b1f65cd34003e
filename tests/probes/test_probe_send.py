"""Sending: what is tried again, what is moved aside, where the token does not go."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from probes.sending import post, send
from probes.sending.send import Refused, Sender, Unreachable, Unwelcome
from probes.sending.spool import Spool

BODY = b'{"run_id":"abcdefgh"}'


class Patience:
    """Time and luck for a sender: sleeps are noted, not slept; chance is always the least."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sender(self, url: str, **options: Any) -> Sender:
        return Sender(url, "secret-token", sleep=self.slept.append, chance=lambda: 0.0, **options)


@pytest.fixture
def patience() -> Patience:
    return Patience()


def test_it_posts_what_the_contract_asks_for(dashboard: Any, taken: Any, patience: Patience) -> None:
    dashboard.replies = [taken]
    receipt = patience.sender(dashboard.url).send("abcdefgh", BODY)
    path, headers, body = dashboard.requests[0]
    assert path == "/api/v1/reports/"
    assert gzip.decompress(body) == BODY
    assert headers["content-type"] == "application/json"
    assert headers["content-encoding"] == "gzip"
    assert headers["authorization"] == "Bearer secret-token"
    assert headers["idempotency-key"] == "abcdefgh"
    assert receipt == send.Receipt("7", "received", dashboard.url + "/api/v1/reports/7/")


def test_a_dashboard_below_a_path(dashboard: Any, taken: Any, patience: Patience) -> None:
    dashboard.replies = [taken]
    patience.sender(dashboard.url + "/unmigratable").send("abcdefgh", BODY)
    assert dashboard.requests[0][0] == "/unmigratable/api/v1/reports/"


def test_an_old_receipt_is_a_receipt(dashboard: Any, taken: Any, patience: Patience) -> None:
    dashboard.replies = [(200, *taken[1:])]
    assert patience.sender(dashboard.url).send("abcdefgh", BODY).id == "7"


@pytest.mark.parametrize("status", [409, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again_with_the_same_key(
    status: int, dashboard: Any, taken: Any, patience: Patience
) -> None:
    dashboard.replies = [(status, {}, {}), (status, {}, {}), taken]
    patience.sender(dashboard.url).send("abcdefgh", BODY)
    assert patience.slept == [0.5, 1.0]
    assert [headers["idempotency-key"] for _, headers, _ in dashboard.requests] == ["abcdefgh"] * 3


def test_retry_after_is_minded(dashboard: Any, taken: Any, patience: Patience) -> None:
    dashboard.replies = [(429, {"Retry-After": "17"}, {}), taken]
    patience.sender(dashboard.url).send("abcdefgh", BODY)
    assert patience.slept == [17.0]


def test_a_retry_after_of_hours_is_not_waited_for(dashboard: Any, patience: Patience) -> None:
    dashboard.replies = [(503, {"Retry-After": "7200"}, {})]
    with pytest.raises(Unreachable):
        patience.sender(dashboard.url).send("abcdefgh", BODY)
    assert patience.slept == []


def test_the_tries_are_bounded(dashboard: Any, patience: Patience) -> None:
    dashboard.replies = [(503, {}, {})] * 5
    with pytest.raises(Unreachable, match="answered 503; given up after 5 tries"):
        patience.sender(dashboard.url).send("abcdefgh", BODY)
    assert len(dashboard.requests) == 5


def test_nobody_there(patience: Patience) -> None:
    with pytest.raises(Unreachable, match=r"no answer from 127\.0\.0\.1:9"):
        patience.sender("http://127.0.0.1:9").send("abcdefgh", BODY)
    assert len(patience.slept) == 4


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_refusal_says_why_and_is_not_tried_again(status: int, dashboard: Any, patience: Patience) -> None:
    dashboard.replies = [(status, {}, {"title": "Unreadable", "detail": "/runs/0/case: expected a slug"})]
    with pytest.raises(Refused, match=f"{status}: Unreadable; /runs/0/case: expected a slug"):
        patience.sender(dashboard.url).send("abcdefgh", BODY)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_token_or_address_is_no_fault_of_the_report(status: int, dashboard: Any, patience: Patience) -> None:
    dashboard.replies = [(status, {}, {"detail": "No such token."})]
    with pytest.raises(Unwelcome, match="No such token"):
        patience.sender(dashboard.url).send("abcdefgh", BODY)


@pytest.mark.parametrize(
    "there", ["http://localhost:{port}/x/", "http://127.0.0.1:9/x/", "http://192.0.2.1/x/", "//elsewhere.example/x/"]
)
def test_a_redirect_to_another_host_is_not_followed(there: str, dashboard: Any, patience: Patience) -> None:
    location = there.format(port=dashboard.server.server_address[1])
    dashboard.replies = [(307, {"Location": location}, {})]
    with pytest.raises(Unwelcome, match="redirects to another host"):
        patience.sender(dashboard.url).send("abcdefgh", BODY)
    assert len(dashboard.requests) == 1


def test_a_redirect_within_the_host_is_followed_as_a_post(dashboard: Any, taken: Any, patience: Patience) -> None:
    dashboard.replies = [(308, {"Location": "/elsewhere/"}, {}), taken]
    patience.sender(dashboard.url).send("abcdefgh", BODY)
    assert [path for path, _, _ in dashboard.requests] == ["/api/v1/reports/", "/elsewhere/"]
    assert gzip.decompress(dashboard.requests[1][2]) == BODY


def test_redirects_have_an_end(dashboard: Any, patience: Patience) -> None:
    dashboard.replies = [(307, {"Location": "/again/"}, {})] * 9
    with pytest.raises(Unwelcome, match="too often"):
        patience.sender(dashboard.url).send("abcdefgh", BODY)


@pytest.mark.parametrize(
    "url", ["http://dashboard.example/", "http://192.0.2.1:8000/", "ftp://localhost/", "localhost:8000", ""]
)
def test_the_token_does_not_travel_in_the_clear(url: str, patience: Patience) -> None:
    with pytest.raises(Unwelcome):
        patience.sender(url)


@pytest.mark.parametrize(
    "url", ["https://dashboard.example/", "http://localhost:8000", "http://[::1]:8000/", "http://127.0.0.9/"]
)
def test_https_and_loopback_are_fine(url: str, patience: Patience) -> None:
    assert patience.sender(url).url.endswith("/api/v1/reports/")


def test_insecure_is_a_choice(patience: Patience) -> None:
    assert patience.sender("http://dashboard.example/", insecure=True).url == "http://dashboard.example/api/v1/reports/"


@pytest.mark.parametrize(
    "value, seconds", [("3", 3.0), ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0), ("soon", None), ("", None)]
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: Any) -> None:
    assert send.retry_after(value, now=10.0) == seconds


def test_the_spool_empties_and_keeps_what_is_refused(
    dashboard: Any, taken: Any, patience: Patience, tmp_path: Path
) -> None:
    spool = Spool(tmp_path)
    for age, name in enumerate(["third000", "second00", "first000"]):
        os.utime(spool.put(name, b'{"run_id":"%s"}' % name.encode()), (1_000_000 - age, 1_000_000 - age))
    dashboard.replies = [taken, (422, {}, {"detail": "no"}), (503, {}, {}), taken]
    said: list[str] = []
    assert post.send_waiting(spool, patience.sender(dashboard.url), said.append) is False
    assert spool.waiting() == []
    assert [path.name for path in spool.refused()] == ["second00.json.refused"]
    assert any(dashboard.url + "/api/v1/reports/7/" in line for line in said)


def test_an_unreachable_dashboard_leaves_the_spool_as_it_is(patience: Patience, tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put("first000", b'{"run_id":"first000"}')
    spool.put("second00", b'{"run_id":"second00"}')
    assert post.send_waiting(spool, patience.sender("http://127.0.0.1:9"), lambda text: None) is False
    assert len(spool.waiting()) == 2
    assert len(patience.slept) == 4, "the second report is not tried when the first found nobody"


def test_a_run_is_spooled_sent_and_forgotten(
    dashboard: Any, taken: Any, probe: Callable[..., Any], tmp_path: Path
) -> None:
    dashboard.replies = [(503, {}, {}), taken]
    arguments = ("run", "fuse-writeback", "--submit", dashboard.url, "--spool", str(tmp_path / "s"))
    done = probe(*arguments, UNMIGRATABLE_TOKEN="secret-token")
    assert done.returncode == 125
    assert dashboard.url + "/api/v1/reports/7/" in done.stdout
    assert list((tmp_path / "s").iterdir()) == []
    sent = json.loads(gzip.decompress(dashboard.requests[1][2]))
    assert sent["run_id"] == dashboard.requests[1][1]["idempotency-key"]


def test_submit_sends_what_waited(dashboard: Any, taken: Any, probe: Callable[..., Any], tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("from-a-file\n")
    assert probe("run", "fuse-writeback", "--spool", str(tmp_path / "s")).returncode == 125
    dashboard.replies = [taken]
    shown = probe("submit", "--dry-run", "--spool", str(tmp_path / "s"))
    done = probe("submit", "--submit", dashboard.url, "--spool", str(tmp_path / "s"), "--token-file", str(token))
    assert done.returncode == 0, done.stderr
    assert gzip.decompress(dashboard.requests[0][2]) == shown.stdout.strip().encode()
    assert dashboard.requests[0][1]["authorization"] == "Bearer from-a-file"


def test_the_token_is_wiped_from_the_process_list(
    root: Path, dashboard: Any, taken: Any, until: Callable[..., None]
) -> None:
    """The request is kept waiting, so that the process can be looked at while it lives."""
    dashboard.replies = [(503, {"Retry-After": "1"}, {}), taken]
    arguments = ["run", "fuse-writeback", "--submit", dashboard.url, "--token", "tell-tale"]
    process = subprocess.Popen(
        [sys.executable, "-m", "probes", *arguments],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: dashboard.requests, 10, "no request came")
        time.sleep(0.1)
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert b"--token" in command
        assert b"tell-tale" not in command
        _, warned = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait(10)
    assert warned.count("process list") == 1
    assert dashboard.requests[1][1]["authorization"] == "Bearer tell-tale"


def test_what_a_server_says_moves_no_cursor(dashboard: Any, patience: Patience) -> None:
    said = "\x1b[2J\x9b31m\nroot# rm -rf /\r\u202e"
    dashboard.replies = [(422, {}, {"title": said, "detail": said, "errors": [said]})]
    with pytest.raises(Refused) as refused:
        patience.sender(dashboard.url).send("abcdefgh", BODY)
    assert "root# rm" in str(refused.value) and str(refused.value).isprintable()
    dashboard.replies = [(202, {"Location": "/x\x1b[2J"}, {"id": said, "state": said + "x" * 10_000})]
    receipt = patience.sender(dashboard.url).send("abcdefgh", BODY)
    assert (receipt.id + receipt.state + receipt.address).isprintable() and len(receipt.state) < 4_000


def test_a_token_in_the_clear_goes_past_every_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """--insecure says that one host may be told it over plain http; not a proxy on the way."""
    used = []
    for name in ("_OPENER", "_WITHOUT_PROXY"):

        class Noted:
            def open(self, *_: Any, name: str = name, **__: Any) -> Any:
                used.append(name)
                raise urllib.error.HTTPError("", 404, "", Message(), io.BytesIO())

        monkeypatch.setattr(send, name, Noted())
    for url in ("http://lab.example/", "https://lab.example/", "http://127.0.0.1/"):
        send._post_once(url, {}, b"")
    assert used == ["_WITHOUT_PROXY", "_OPENER", "_WITHOUT_PROXY"]


def test_a_token_for_this_machine_goes_past_every_proxy(
    dashboard: Any, taken: Any, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    dashboard.replies = [taken]
    assert patience.sender(dashboard.url).send("abcdefgh", BODY).id == "7"
