"""What the lab sends: what it kept, once, each with the token of its own guest, and the rest at the next sitting."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from probes.errors import CannotRun
from probes.lab.guest import Job
from probes.lab.outbox import NOTE, Address, Outbox
from probes.lab.store import Store
from probes.sending.send import Sender

JOB = Job("fuse-writeback", "offline", 3)


def kept(folder: Path, run_id: str) -> Path:
    made = {
        "format": "unmigratable-report",
        "version": 1,
        "run_id": run_id,
        "environment": "guest",
        "kernel": {"release": "7.3.4", "architecture": "x86_64"},
        "runs": [{"case": "fuse-writeback", "mover": "offline", "outcome": "skipped", "reason": "made up"}],
    }
    return Store(folder, "7.3.4", "").keep(JOB, json.dumps(made).encode())


@pytest.fixture
def outbox(dashboard: Any, tmp_path: Path) -> Outbox:
    sender = Sender(dashboard.url, "secret-token", sleep=lambda seconds: None, chance=lambda: 0.0)
    return Outbox(tmp_path / "guest-7.3.4", sender, lambda text: None)


def sent(dashboard: Any) -> list[str]:
    return [headers["idempotency-key"] for _, headers, _ in dashboard.requests]


def test_what_was_acknowledged_is_not_sent_again(dashboard: Any, taken: Any, outbox: Outbox, tmp_path: Path) -> None:
    path = kept(tmp_path, "made-up-1")
    dashboard.replies = [taken]
    outbox.send(path)
    outbox.catch_up([path])
    assert sent(dashboard) == ["made-up-1"]
    assert gzip.decompress(dashboard.requests[0][2]) == path.read_bytes()
    assert outbox.nr_left == 0


def test_it_is_sent_anew_to_another_dashboard(dashboard: Any, taken: Any, outbox: Outbox, tmp_path: Path) -> None:
    path = kept(tmp_path, "made-up-1")
    dashboard.replies = [taken, taken]
    outbox.send(path)
    Outbox(outbox.folder, Sender(dashboard.url + "/other", "t"), lambda text: None).send(path)
    assert [request[0] for request in dashboard.requests] == ["/api/v1/reports/", "/other/api/v1/reports/"]


def test_what_could_not_be_sent_waits_for_the_next_sitting(
    dashboard: Any, taken: Any, outbox: Outbox, tmp_path: Path
) -> None:
    paths = [kept(tmp_path, f"made-up-{number}") for number in (1, 2)]
    dashboard.replies = [(401, {}, {})]
    for path in paths:
        outbox.send(path)
    assert sent(dashboard) == ["made-up-1"], "a token that is no good was tried again"
    assert outbox.nr_left == 2
    dashboard.replies = [taken, taken]
    outbox.catch_up(paths)
    assert sent(dashboard)[1:] == ["made-up-1", "made-up-2"]
    assert outbox.nr_left == 0


def test_one_that_is_refused_holds_up_no_other(dashboard: Any, taken: Any, outbox: Outbox, tmp_path: Path) -> None:
    paths = [kept(tmp_path, f"made-up-{number}") for number in (1, 2)]
    dashboard.replies = [(422, {}, {"title": "no"}), taken]
    for path in paths:
        outbox.send(path)
    assert outbox.nr_left == 1
    assert (outbox.folder / NOTE).read_text().split() == [outbox.sender.url, "made-up-2"]


def test_each_guest_has_a_token_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "guest-7.3.4").write_text("one\n")
    address = Address("http://127.0.0.1:9", str(tmp_path))
    assert address.sender("guest-7.3.4", print).token == "one"
    (tmp_path / "guest-6.12.0").write_text("\n")
    for guest in ("guest-6.1.0", "guest-6.12.0"):
        with pytest.raises(
            CannotRun, match=rf"no token in .*{guest}: manage\.py add_machine NAME --token-file .*/{guest}"
        ):
            address.sender(guest, print)


def test_one_token_does_for_all(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    address = Address("http://127.0.0.1:9", str(tmp_path / "token"))
    assert {address.sender(guest, print).token for guest in ("guest-7.3.4", "guest-6.1.0")} == {"one"}


@pytest.mark.parametrize("url, file", [("gopher://x", "token"), ("http://127.0.0.1:9", "no-such-file")])
def test_an_address_that_is_no_good_is_said(url: str, file: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    with pytest.raises(CannotRun):
        Address(url, str(tmp_path / file)).sender("guest-7.3.4", print)
