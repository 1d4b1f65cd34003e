"""The token, and how it stays off the process list."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Mapping, Optional

VARIABLE = "UNMIGRATABLE_TOKEN"
_ARG_START, _ARG_END = 45, 46  # fields 48 and 49 of /proc/PID/stat, counted from the third


def find(token: Optional[str], file: Optional[str], environment: Mapping[str, str]) -> str:
    """The token from the command line, a file or the environment, in this order; empty where there is none."""
    if token:
        return token
    if file:
        return Path(file).read_text(encoding="utf-8").strip()
    return environment.get(VARIABLE, "").strip()


def wipe_from_arguments(token: str) -> bool:
    """Overwrite the token in this process's argument memory, which its children inherit. False where it fails."""
    with open("/proc/self/stat", encoding="utf-8", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
    needle = os.fsencode(token)
    if not 0 < start < end:
        return False
    place = ctypes.string_at(start, end - start).find(needle)
    if place < 0:
        return False
    ctypes.memset(start + place, ord("x"), len(needle))
    return True
