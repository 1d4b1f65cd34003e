"""Small files of /proc and /sys as text, empty where they cannot be read."""

from __future__ import annotations

from pathlib import Path


def text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
