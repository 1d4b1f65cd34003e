"""What a page says, whatever lines its template has."""

from __future__ import annotations

from typing import Any


def on_one_line(answer: Any) -> str:
    """The page with one space wherever there is white space: templates may break their lines anew."""
    return " ".join(answer.content.decode().split())
