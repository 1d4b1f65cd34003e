"""The probe that this site hands out, built from the tree that it runs from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

from django.conf import settings

from probes.archive.build import build
from probes.cases import CASES

__all__ = ["CASES", "Built", "built"]


@dataclass(frozen=True)
class Built:
    body: bytes
    sha256: str
    commit: str


@cache
def built() -> Built:
    """Once a process: the tree does not change under a running site."""
    body = build(settings.BASE_DIR)
    return Built(body, hashlib.sha256(body).hexdigest(), settings.COMMIT)
