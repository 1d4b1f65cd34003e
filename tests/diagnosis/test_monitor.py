"""What was seen while watching, as it is read: stacks and dumps name what they show, counters name nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagnosis.formats import monitor, registry
from diagnosis.formats.faults import Unreadable
from diagnosis.formats.format import Given

CAPTURE = Path(__file__).parent / "captures" / "vmsplice-offline-7.3.4+deb13.txt"
STACK = ["folio_wait_writeback+0x2b/0x90", "migrate_pages_batch+0x6ea/0xee0", "offline_pages+0x1/0x2"]


def event(kind: str, what: str, **more: Any) -> dict[str, Any]:
    return {"at": "2026-11-22T20:15:00Z", "kind": kind, "what": what, **more}


def body(*events: dict[str, Any], **changed: Any) -> bytes:
    kernel = {"release": "7.3.4", "architecture": "x86_64"}
    head = {"format": monitor.NAME, "version": 1, "run_id": "run-00001", "kernel": kernel, "environment": "guest"}
    return json.dumps({**head, "seconds": 60.0, "events": list(events), **changed}).encode()


BLOCKED = event("blocked", "tee[4711] in folio_wait_writeback+0x2b/0x90", pid=4711, stack=STACK)


def test_it_is_a_format_of_its_own() -> None:
    assert registry.of(monitor.MEDIA_TYPE) is monitor.FORMAT
    assert monitor.FORMAT.check(body(BLOCKED), Given()) == "run-00001"


def test_a_sleeper_and_a_dump_are_seen_and_a_counter_is_not() -> None:
    dump = [event("log", line) for line in CAPTURE.read_text().splitlines()[:7]]
    found = monitor.FORMAT.observations(body(BLOCKED, *dump, event("counter", "pgmigrate_fail", rise=7)), Given())
    assert [(one.kind, one.outcome, one.mover) for one in found] == [
        ("monitor", "hangs", "offline"),
        ("monitor", "refuses", "offline"),
    ]
    assert "mechanism:writeback" in found[0].marks
    assert "mechanism:extra_reference" in found[1].marks
    assert {(one.release, one.architecture, one.environment) for one in found} == {("7.3.4", "x86_64", "guest")}
    assert monitor.FORMAT.observations(body(event("counter", "pgmigrate_fail", rise=7)), Given()) == []


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"events": []}, "/events"),
        ({"events": [event("rumour", "x")]}, "/events/0/kind"),
        ({"events": [event("blocked", "x", stack=["y"] * 65)]}, "/events/0/stack"),
        ({"seconds": -1}, "/seconds"),
        ({"version": 2}, "/version"),
        ({"run_id": "short"}, "/run_id"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, Any], where: str) -> None:
    assert monitor.read(body(BLOCKED))
    with pytest.raises(Unreadable) as caught:
        monitor.read(body(BLOCKED, **changed))
    assert caught.value.faults[0].where == where
