"""Names of tests in other suites, and which of them speak of a case.

A test's name is a dotted path, from the suite down: `mm.migration.private_anon`. A case's file names a stretch of
such a path, `*` standing for any rest of a part: `mm.migration`, `move_pages*`. Scripts that only run other tests stand
between the two, and CI systems write `_` for whatever is no letter or digit: both are seen through.

    mm.run_vmtests.sh.migration.shared_anon                         mm.migration
    kselftest.mm.mm_run_vmtests_sh_migration_migration_shared_anon  mm.migration
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import List, Sequence, Tuple

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


# Of the mm of kselftest: run_vmtests.sh runs the others, and a ksft_NAME.sh one group of them.
_RUNNER = re.compile(r"(?:run_vmtests|ksft_[a-z0-9_]{1,40})(?:_sh)?")
_FLAT = re.compile(r"(?:([a-z0-9]{1,20}(?:-[a-z0-9]{1,20}){0,4})_)?(?:run_vmtests|ksft_[a-z0-9_]{1,40}?)_sh_(.+)")
# What runs under another name than its own: test_hmm.sh loads a module and runs hmm-tests.
_HMM = re.compile(r"test_hmm(?:_sh)?(?:_smoke)?(?=_|$)")
_JOINTS = re.compile(r"[._]")
Parts = Tuple[str, ...]
# Counted up when names are seen through in another way: what matched nothing is tried again then.
EDITION = 2


@lru_cache(maxsize=4_096)
def read(test: str) -> Tuple[Parts, Parts]:
    """The parts of a path without scripts that only run others; and the words of one that was flattened, else ()."""
    made: List[str] = []
    flat: List[str] = []
    parts = test.split(".")
    for at, part in enumerate(parts):
        before = parts[at - 1] if at else ""
        found = _FLAT.fullmatch(part)
        if found:
            suite = found[1] or "mm"
            rest = _HMM.sub("hmm-tests", found[2], count=1) if found[2].startswith("test_hmm") else found[2]
            flat = [*made, *([] if made[-1:] == [suite] else [suite]), *rest.split("_")]
            made += [*([] if made[-1:] == [suite] else [suite]), rest]
        elif (part == "sh" and before) or _RUNNER.fullmatch(part):
            continue
        else:
            if before and part.startswith(before + "_"):
                part = part[len(before) + 1 :]
            made.append(part[:-3] if part.endswith("_sh") else part)
    if "test_hmm" in made:
        at = made.index("test_hmm")
        made[at : at + 1 + (made[at + 1 : at + 2] == ["smoke"])] = ["hmm-tests"]
    return tuple(made), tuple(flat)


def stretch(name: str) -> Tuple[Parts, Parts]:
    """What a case's file names, as parts of a path and as words of a flattened one."""
    return tuple(name.split(".")), tuple(_JOINTS.split(name))


def names(test: str, wanted: Tuple[Parts, Parts]) -> bool:
    """Whether a stretch, taken apart by `stretch` once for all tests, stands somewhere in the dotted path `test`."""
    parts, words = read(test)
    return _stands_in(parts, wanted[0]) or (bool(words) and _stands_in(words, wanted[1]))


def _stands_in(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    return any(
        all(_fits(part, glob) for part, glob in zip(parts[start:], wanted))
        for start in range(len(parts) - len(wanted) + 1)
    )


def _fits(part: str, glob: str) -> bool:
    """`*` stands at the end alone: a comparison, where a pattern could be made to take its time."""
    return part.startswith(glob[:-1]) if glob.endswith("*") else part == glob
