"""What is private is taken out before anything leaves a machine, or is shown to strangers.

Replacements keep the shape of the text, so that a reader sees that something stood there.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping

from diagnosis.formats.envelope import ENVELOPE
from diagnosis.formats.shape import Shape

_BUILDER = re.compile(r"\(([^()@\s]+)@([^()\s]+)\)")
_IP4 = re.compile(r"\b(?!127\.0\.0\.1\b)(?!0\.0\.0\.0\b)(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b(?![.-]\d)")
_IP6 = re.compile(
    r"(?<![\w:.])(?!::1?(?![\w:]))(?=[0-9a-f:]*::|(?:[0-9a-f]{1,4}:){7})(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])",
    re.IGNORECASE,
)
_MAC = re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", re.IGNORECASE)
# From the start of a run alone: begun at each word of `a.a.a.…`, 16 kB took a second, and 1 MiB an hour.
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_HOME = re.compile(r"/(home|Users)/[^/\s\"']+")
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)
# With what comes before it kept: `password=`, `token:`, as mount options, command lines and daemons print them.
_SECRET = re.compile(r"\b(pass(?:word|wd|phrase)|secret|token|api[_-]?key)([=:] ?)[^\s,;&\"']+", re.IGNORECASE)
_OPTION = re.compile(r"\b(pass|user|username|domain|workgroup|login)=[^\s,;&\"']+")
_CREDENTIALS = re.compile(r"(?<=://)[^\s/@:]{1,64}:[^\s/@]{1,128}@")
_BEARER = re.compile(r"\b(Bearer|Basic) [A-Za-z0-9._~+/=-]{8,}")
# Not `SerialNumber=3`, which is the index of a string.
_SERIAL = re.compile(r"\b(serial ?number|serial ?no\.?|S/N|sn)([:=] ?)[^\s,]{4,64}", re.IGNORECASE)
_NAMED = re.compile(r"\b([Hh]ostname (?:set )?to <)[^>\s]{1,64}")
_MAC_DASHES = re.compile(r"\b(?:[0-9a-f]{2}-){5}[0-9a-f]{2}\b", re.IGNORECASE)
_ISCSI = re.compile(r"\biqn\.\d{4}-\d{2}\.[\w.:-]{1,200}")
_WWN = re.compile(r"\b(?:wwn-0x|naa\.|eui\.)[0-9a-f]{8,32}\b", re.IGNORECASE)


def text(line: str, hostname: str = "") -> str:
    """One piece of text without build users, addresses, home folders, UUIDs, secrets and serial numbers that name
    themselves, and the host's own name. What names itself by nothing is not found: tests/diagnosis/private.txt."""
    line = _BUILDER.sub("(builder@hidden)", line)
    line = _CREDENTIALS.sub("hidden@", line)
    line = _SECRET.sub(r"\1\2hidden", line)
    line = _OPTION.sub(r"\1=hidden", line)
    line = _BEARER.sub(r"\1 hidden", line)
    line = _ISCSI.sub("iqn-hidden", line)
    line = _WWN.sub("wwn-hidden", line)
    line = _SERIAL.sub(r"\1\2hidden", line)
    line = _NAMED.sub(r"\1host-hidden", line)
    line = _MAIL.sub("mail@hidden", line)
    line = _MAC.sub("mac-hidden", line)
    line = _MAC_DASHES.sub("mac-hidden", line)
    line = _IP4.sub("ip-hidden", line)
    line = _IP6.sub("ip-hidden", line)
    line = _HOME.sub(r"/\1/hidden", line)
    line = _UUID.sub("uuid-hidden", line)
    if len(hostname) > 2 and hostname != "localhost":
        line = re.sub(r"(?<![\w-])%s(?![\w-])" % re.escape(hostname), "host-hidden", line)
    return line


def envelope(report: Dict[str, Any], hostname: str = "") -> Dict[str, Any]:
    """A native report without what is private, and as good as before.

    What has a fixed form stays: words of the vocabulary (a host may be called `guest`), the release (2.6.32.27 is no
    address), the run id, by which a second sending is recognised. What grows is cut where its field ends.
    """
    return fitted(report, ENVELOPE, hostname)


def fitted(report: Dict[str, Any], form: Shape, hostname: str = "") -> Dict[str, Any]:
    """The same for a report of any form."""
    made: Dict[str, Any] = _fitted(report, form.schema, hostname)
    return made


def _fitted(thing: Any, schema: Mapping[str, Any], hostname: str) -> Any:
    if isinstance(thing, str):
        is_free = not schema.keys() & {"const", "enum", "pattern"}
        return text(thing, hostname)[: schema.get("maxLength")] if is_free else thing
    if isinstance(thing, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties") or {}
        return {name: _fitted(item, known.get(name, others), hostname) for name, item in thing.items()}
    if isinstance(thing, list):
        return [_fitted(item, schema.get("items", {}), hostname) for item in thing]
    return thing
