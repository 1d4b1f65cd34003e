"""The envelope: what is printed with --json, spooled, shown by --dry-run and sent. Always scrubbed."""

from __future__ import annotations

import json
import os
import uuid
from datetime import datetime, timezone
from typing import Any, Dict, List

from diagnosis.formats import envelope, monitor, redact
from probes.archive import version
from probes.kernel import facts

_FORMATS: Dict[str, Any] = {form.NAME: form for form in (envelope, monitor)}


def make(runs: List[Dict[str, Any]], environment: str, label: str, started_at: datetime) -> Dict[str, Any]:
    """A report of these runs, without what is private on this machine."""
    report = {
        "format": envelope.NAME,
        "version": envelope.VERSION,
        **_head(environment, label, started_at),
        "runs": runs,
    }
    return redact.envelope(report, os.uname().nodename)


def of_watching(
    events: List[Dict[str, Any]], environment: str, started_at: datetime, seconds: float, cpu_seconds: float
) -> Dict[str, Any]:
    """A report of what was seen in so many seconds, and how much of a CPU the watching took since its start."""
    report = {
        "format": monitor.NAME,
        "version": monitor.VERSION,
        **_head(environment, "", started_at),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 2),
        "events": events,
    }
    return redact.fitted(report, monitor.SEEN, os.uname().nodename)


def _head(environment: str, label: str, started_at: datetime) -> Dict[str, Any]:
    return {
        "run_id": uuid.uuid4().hex,
        "started_at": utc(started_at),
        "probe": version.identity(),
        "kernel": {**facts.kernel(label), **(facts.command_line() if environment == "guest" else {})},
        "environment": environment,
    }


def utc(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def encode(report: Dict[str, Any]) -> bytes:
    """The bytes that travel. Raises diagnosis.formats.faults.Unreadable where the server would not take them."""
    body = json.dumps(report, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    _FORMATS[report["format"]].read(body)
    return body


def media_type(body: bytes) -> str:
    return str(_FORMATS.get(json.loads(body).get("format", ""), envelope).MEDIA_TYPE)


def run_id(body: bytes) -> str:
    return str(json.loads(body)["run_id"])
