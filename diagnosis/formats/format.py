"""What a format is: a module of this package that defines `FORMAT`. See `registry`.

`check` runs while the sender waits and reads the whole body; `observations` and `notes` run later, in a worker, and
again whenever the format is mended. All raise `Unreadable`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Mapping, Optional, Tuple

from diagnosis.matching.observation import Observation


@dataclass(frozen=True)
class Given:
    """What the request says beside the body, for formats that do not name their kernel themselves."""

    kernel: str = ""
    architecture: str = ""
    label: str = ""
    environment: str = ""


# What a sender is told of what became no observation, by code: `%d` is how many.
NOTES: Mapping[str, str] = {
    "nothing-recognised": "Nothing in it is of a kind that is known: no run, no test, nothing that speaks of memory "
    "which cannot be moved.",
    "kept-for-tests": "Checkouts and builds are kept for tests that name them, in whichever message those come.",
    "waits-for-build": "Tests whose build or checkout is not known yet: %d. They are read when it comes.",
    "told-elsewhere": "Tests of which a later message tells more: %d. They count there.",
    "not-done": "Tests without a path or a status: %d. A later message may bring them.",
    "exported": "Tests that came out of an export of ours: %d. What is known already is no new evidence.",
}


@dataclass(frozen=True)
class Note:
    """`code` is one of NOTES."""

    code: str
    number: int = 0

    @property
    def sentence(self) -> str:
        said = NOTES[self.code]
        return said % self.number if "%d" in said else said


def no_notes(body: bytes, given: Given) -> List[Note]:
    return []


def no_origin(body: bytes, given: Given) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Format:
    """`media_types`: the Content-Types that mean this format. `needs`: names of `Given` that the request must say.
    `check` reads the whole body and returns the id by which a repeated sending is recognised, '' if there is none.
    `origin`: where the report came from, as `envelope.ORIGIN` names it. `checked`: the observations of a body that
    `check` has let through, where there is a shorter way to them than to look for faults once more. It may raise
    whatever it likes."""

    name: str
    title: str
    media_types: Tuple[str, ...]
    suffix: str
    needs: Tuple[str, ...]
    check: Callable[[bytes, Given], str]
    observations: Callable[[bytes, Given], List[Observation]]
    notes: Callable[[bytes, Given], List[Note]] = no_notes
    origin: Callable[[bytes, Given], Mapping[str, str]] = no_origin
    checked: Optional[Callable[[bytes, Given], List[Observation]]] = None
