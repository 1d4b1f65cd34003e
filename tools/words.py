#!/usr/bin/env python3
"""Wording that this site does not use, and what to write instead. `make lint` runs it over pages, texts and documents.

    python3 tools/words.py [FILE ...]

Plain English, as docs.kernel.org and LWN write it: subject, verb, object; one term a thing; a message says what
happened and what follows; a button is a verb and a noun. What is listed was on this site, and had to be read twice.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS: dict[str, str] = {
    r"opens? nothing": "say what happens: requests with it get 401",
    r"stands? nowhere": "no match for …",
    r"in unprivileged hands": "any local user can …",
    r"counted anew|read anew|made anew": "again",
    r"lets? go of the filter": "remove the filter",
    r"proved mail address": "confirmed address",
    r"new letters": "messages",
    r"texts that people shared": "shared logs",
    r"does not begin like": "is not a …",
    r"nothing waits|waits no longer": "the queue is empty",
    r"throw away what": "delete the draft",
    r"stands? (?:below|above)\b": "is below, above",
}
BUTTONS = re.compile(
    r"<button[^>]*>\s*((?:Share|Decline|Save|Set|Look|Take|Withdraw|Hide|Flag|Show|Lock|Move|Add|Let|Trust)\s+it)\s*</button>"
)
PATTERN = re.compile("|".join(f"(?P<w{n}>{word})" for n, word in enumerate(WORDS)).replace(" ", r"\s+"), re.IGNORECASE)
# Documents of the past say what was said then, and a list of wrong words has to name them.
LEFT = ("docs/decisions.md", "tools/words.py")


def places() -> list[Path]:
    folders = (("templates", "*.html"), ("data", "*.md"), ("docs", "*.md"))
    made = [path for folder, kind in folders for path in sorted((ROOT / folder).rglob(kind))]
    return [path for path in [*made, ROOT / "README.md", ROOT / "CONTRIBUTING.md"] if named(path) not in LEFT]


def named(path: Path) -> str:
    return path.resolve().relative_to(ROOT).as_posix() if path.resolve().is_relative_to(ROOT) else str(path)


def faults(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, what was found, and what to write instead. A phrase may be broken by a line's end."""
    advice = list(WORDS.values())
    for found in PATTERN.finditer(text):
        number = next(n for n in range(len(advice)) if found[f"w{n}"])
        yield text.count("\n", 0, found.start()) + 1, found[0], advice[number]
    for found in BUTTONS.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, found[1], "a verb and a noun"


def main(files: list[str]) -> int:
    bad = 0
    for path in [Path(name) for name in files] or places():
        for line, found, instead in faults(path.read_text(encoding="utf-8")):
            print(f"{named(path)}:{line}: “{found}”: {instead}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
