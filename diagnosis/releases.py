"""Kernel release strings, read: which line a build belongs to, and how builds sort.

Vendor kernels are lines of their own: 5.14.0-570.el9 carries years of backports and is el9, not 5.14.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Tuple

_HEAD = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?:-rc(\d+)|~rc(\d+))?")
_VENDORS = (
    (re.compile(r"\.(el\d+)"), lambda m: m.group(1)),
    (re.compile(r"\.(amzn\d+)"), lambda m: m.group(1)),
    (re.compile(r"^\d+\.\d+\.\d+-\d+-(?:generic|lowlatency|aws|azure|gcp|oracle|kvm)"), lambda m: "ubuntu"),
    (re.compile(r"-(android\d+)"), lambda m: m.group(1)),
)


@dataclass(frozen=True)
class Release:
    """`line` is what the strips and the matrix group by: '6.12' for mainline, stable and Debian
    kernels, 'el9 5.14' for a vendor line. `order` sorts builds; an -rc sorts before its release."""

    raw: str
    line: str
    vendor: str
    order: Tuple[int, int, int, int]


def read(raw: str) -> Release:
    """Reads what `uname -r` prints. A string without a leading version keeps itself as its line."""
    head = _HEAD.match(raw)
    if head is None:
        return Release(raw, raw, "", (0, 0, 0, 0))
    major, minor, patch = int(head[1]), int(head[2]), int(head[3] or 0)
    candidate = int(head[4] or head[5] or 0) or 10_000
    order = (major, minor, patch, candidate)
    for regex, name in _VENDORS:
        found = regex.search(raw)
        if found:
            return Release(raw, "%s %d.%d" % (name(found), major, minor), name(found), order)
    return Release(raw, "%d.%d" % (major, minor), "", order)
