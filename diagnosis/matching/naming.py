"""Names of tests in other suites, and which of them speak of a case.

A test's name is a dotted path, from the suite down: `mm.migration.private_anon`. A case's file names a stretch of
such a path, `*` standing for any rest of a part: `mm.migration`, `move_pages*`.
"""

from __future__ import annotations

import re
from typing import Sequence

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_TURNING = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
MAX_NAME = 200


def plain(text: str) -> str:
    """`text` with what cannot be seen, or turns the reading direction, replaced by U+FFFD; up to MAX_NAME."""
    return visible(text)[:MAX_NAME]


def visible(text: str) -> str:
    """The same of any length: one line, one for one."""
    return _UNPRINTABLE.sub("\ufffd", text)


def straight(text: str) -> str:
    """`text`, of any length, with what has no width or turns the reading direction replaced by U+FFFD, one for one."""
    return _TURNING.sub("\ufffd", text)


def path(parts: Sequence[str]) -> str:
    """One dotted name from nested ones. kselftest's `selftests: mm: cow` is `mm.cow`; a part that repeats the end of
    what stands before it is said once: (`mm.migration`, `migration.private_anon`) is `mm.migration.private_anon`."""
    made: list[str] = []
    for part in parts:
        steps = [step for step in re.split(r":\s+|[./]|\s+", part.strip()) if step and step != "selftests"]
        if made and steps and steps[0] == made[-1]:
            steps = steps[1:]
        made += steps
    return plain(".".join(made))


def speaks_of(test: str, name: str) -> bool:
    """Whether the stretch `name` stands somewhere in the dotted path `test`."""
    return stands_in(test.split("."), name.split("."))


def stands_in(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """The same, of what was split already: names of cases are, once for all tests."""
    return any(
        all(_fits(part, glob) for part, glob in zip(parts[start:], wanted))
        for start in range(len(parts) - len(wanted) + 1)
    )


def _fits(part: str, glob: str) -> bool:
    """`*` stands at the end alone: a comparison, where a pattern could be made to take its time."""
    return part.startswith(glob[:-1]) if glob.endswith("*") else part == glob
