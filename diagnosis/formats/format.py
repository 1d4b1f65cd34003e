"""What a format is: a module of this package that defines `FORMAT`. See `registry`.

`run_id` runs while the sender waits and checks the whole body; `observations` runs later, in a worker, and again
whenever the format is mended. Both raise `Unreadable`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Mapping, Tuple

from diagnosis.matching.observation import Observation


@dataclass(frozen=True)
class Given:
    """What the request says beside the body, for formats that do not name their kernel themselves."""

    kernel: str = ""
    architecture: str = ""
    label: str = ""
    environment: str = ""


def no_origin(body: bytes, given: Given) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Format:
    """`media_types`: the Content-Types that mean this format. `needs`: names of `Given` that the request must say.
    `run_id` checks the body and returns the id by which a repeated sending is recognised, '' if there is none.
    `origin`: where the report came from, as `envelope.ORIGIN` names it."""

    name: str
    title: str
    media_types: Tuple[str, ...]
    suffix: str
    needs: Tuple[str, ...]
    run_id: Callable[[bytes, Given], str]
    observations: Callable[[bytes, Given], List[Observation]]
    origin: Callable[[bytes, Given], Mapping[str, str]] = no_origin
