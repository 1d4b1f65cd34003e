"""What is private is taken out before anything leaves a machine, or is shown to strangers.

Replacements keep the shape of the text, so that a reader sees that something stood there.
"""

from __future__ import annotations

import re
from typing import Any, Dict

_BUILDER = re.compile(r"\(([^()@\s]+)@([^()\s]+)\)")
_IP4 = re.compile(r"\b(?!127\.0\.0\.1\b)(?!0\.0\.0\.0\b)(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b(?![.-]\d)")
_MAC = re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", re.IGNORECASE)
_MAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_HOME = re.compile(r"/home/[^/\s\"']+")
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)


def text(line: str, hostname: str = "") -> str:
    """One piece of text without build users, addresses, home folders, UUIDs and the host's own name."""
    line = _BUILDER.sub("(builder@hidden)", line)
    line = _MAIL.sub("mail@hidden", line)
    line = _MAC.sub("mac-hidden", line)
    line = _IP4.sub("ip-hidden", line)
    line = _HOME.sub("/home/hidden", line)
    line = _UUID.sub("uuid-hidden", line)
    if len(hostname) > 2 and hostname != "localhost":
        line = re.sub(r"(?<![\w-])%s(?![\w-])" % re.escape(hostname), "host-hidden", line)
    return line


def value(thing: Any, hostname: str = "") -> Any:
    """The same for every string inside a JSON value; names of objects stay as they are."""
    if isinstance(thing, str):
        return text(thing, hostname)
    if isinstance(thing, dict):
        made: Dict[str, Any] = {name: value(item, hostname) for name, item in thing.items()}
        return made
    if isinstance(thing, list):
        return [value(item, hostname) for item in thing]
    return thing


def envelope(report: Dict[str, Any], hostname: str = "") -> Dict[str, Any]:
    """A native report without what is private. The run id stays: it is how a second sending is recognised."""
    made: Dict[str, Any] = value(report, hostname)
    if "run_id" in report:
        made["run_id"] = report["run_id"]
    return made
