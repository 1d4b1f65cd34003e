"""Has a tree a case? By a sign that stands in its source, or by one that does not; and where.

A sign that is not found says something only where the file of signs says so: a function may just have another name.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tools.audit.source import Tree, blanked

FOLDER = Path(__file__).resolve().parents[2] / "data/audit"
SIGNS = FOLDER / "signs.yaml"
STATES = FOLDER / "states.json"


def write(trees: list[Tree]) -> list[str]:
    """Write what is known of these trees beside what is kept of others; says of which cases nothing is known."""
    signs = yaml.safe_load(SIGNS.read_text())["signs"]
    kept: dict[str, Any] = json.loads(STATES.read_text()) if STATES.is_file() else {}
    silent = []
    for tree in trees:
        cases = {}
        for case, sign in signs.items():
            state = state_of(tree, sign)
            if state is None:
                silent.append(f"{tree.release}: {case}: nothing is known")
            else:
                cases[case] = state
        kept[tree.line] = {"release": tree.release, "cases": cases}
    ordered = dict(sorted(kept.items(), key=lambda item: tuple(int(part) for part in item[0].split("."))))
    STATES.write_text(json.dumps(ordered, indent=1) + "\n")
    return silent


def state_of(tree: Tree, sign: dict[str, str]) -> dict[str, Any] | None:
    """`change`, and the place where it was found; without a place where the sign is not there."""
    for file in sign["file"].split("|"):
        for function, first, text in _texts(tree, file, sign.get("function")):
            found = re.search(sign["pattern"], text)
            if found and not ("without" in sign and re.search(sign["without"], text)):
                line = first + text.count("\n", 0, found.start())
                place = {"file": file, **({"function": function} if function else {}), "line": line}
                return {"change": sign.get("found", "present"), **place}
    return {"change": sign["else"], "file": sign["file"].split("|")[0]} if "else" in sign else None


def _texts(tree: Tree, file: str, names: str | None) -> list[tuple[str, int, str]]:
    """Function, first line and text of what is searched: the functions of these names, or the whole file."""
    path = tree.root / file
    if not path.is_file():
        return []
    if names is None:
        return [("", 1, blanked(path.read_text(encoding="utf-8", errors="replace")))]
    found = (tree.function(file, name) for name in names.split("|"))
    return [(one.name, one.first, one.text) for one in found if one is not None]
