"""The envelope: what is printed with --json, spooled, shown by --dry-run and sent. Always scrubbed."""

from __future__ import annotations

import json
import os
import uuid
from datetime import datetime, timezone
from typing import Any, Dict, List

from diagnosis import scrub
from diagnosis.formats import envelope
from probes import facts, version


def make(runs: List[Dict[str, Any]], environment: str, label: str, started_at: datetime) -> Dict[str, Any]:
    """A report of these runs, without what is private on this machine."""
    report = {
        "format": envelope.NAME,
        "version": envelope.VERSION,
        "run_id": uuid.uuid4().hex,
        "started_at": started_at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "probe": version.identity(),
        "kernel": {**facts.kernel(label), **(facts.command_line() if environment == "guest" else {})},
        "environment": environment,
        "runs": runs,
    }
    return scrub.envelope(report, os.uname().nodename)


def encode(report: Dict[str, Any]) -> bytes:
    """The bytes that travel. Raises diagnosis.faults.Unreadable where the server would not take them."""
    body = json.dumps(report, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    envelope.read(body)
    return body


def run_id(body: bytes) -> str:
    return str(json.loads(body)["run_id"])
