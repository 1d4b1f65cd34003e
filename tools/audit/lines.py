"""Where the readings of the matrix stand in a tree: the line of each, found by its function and expression."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tools.audit.source import Tree

FOLDER = Path(__file__).resolve().parents[2] / "data/waits"
READINGS = FOLDER / "readings.yaml"
LINES = FOLDER / "lines.json"


def write(trees: list[Tree]) -> list[str]:
    """Write the lines of these trees beside those that are kept of others; says what was not found."""
    readings = yaml.safe_load(READINGS.read_text())["readings"]
    kept: dict[str, Any] = json.loads(LINES.read_text()) if LINES.is_file() else {}
    missing = []
    for tree in trees:
        found = {}
        for name, reading in readings.items():
            place = place_in(reading, tree.line)
            if place is None:
                continue
            function = tree.function(place["file"], place["function"])
            hits = function.lines(place["pattern"]) if function else []
            if hits:
                found[name] = {"file": place["file"], "function": place["function"], "line": hits[0]}
            else:
                missing.append(f"{tree.release}: {name}: {place['file']} {place['function']}: {place['pattern']}")
        kept[tree.line] = {"release": tree.release, "readings": found}
    text = json.dumps(dict(sorted(kept.items(), key=_version)), indent=1, sort_keys=False)
    LINES.write_text(text + "\n")
    return missing


def place_in(reading: dict[str, Any], line: str) -> dict[str, str] | None:
    """Where a reading is to be on a line of kernels: as everywhere, as said for that line, or nowhere (None)."""
    said = reading.get("elsewhere", {}).get(line, {})
    if said is None:
        return None
    return {**{key: reading[key] for key in ("file", "function", "pattern") if key in reading}, **said}


def _version(item: tuple[str, Any]) -> tuple[int, ...]:
    return tuple(int(part) for part in item[0].split("."))
