"""Which cases a line of kernels has, as `tools.audit` looked it up in one tree of each: data/audit/states.json."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from diagnosis.kernels.affected import Change

STATES = Path(__file__).parents[3] / "data" / "audit" / "states.json"


@cache
def _states() -> dict[str, Any]:
    states: dict[str, Any] = json.loads(STATES.read_text(encoding="utf-8"))
    return states


def changes(case: str) -> list[Change]:
    """One for each tree in which this case's sign says something."""
    found = ((line, tree["release"], tree["cases"].get(case)) for line, tree in _states().items())
    return [
        Change(line, state["change"], "source", release, place=_place(state))
        for line, release, state in found
        if state is not None
    ]


def _place(state: dict[str, Any]) -> str:
    if "line" not in state:
        return f"no sign of it in {state['file']}"
    function = f" {state['function']}()" if "function" in state else ""
    return f"{state['file']}:{state['line']}{function}"
