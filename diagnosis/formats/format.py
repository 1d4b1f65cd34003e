"""What a format is: a module of this package that defines `FORMAT`. See `registry`.

`check` runs while the sender waits and says whether the bytes are what they claim to be; `observations` runs
later, in a worker, and may be run again whenever the format is mended. Both raise `Unreadable`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Tuple

from diagnosis.matching.observation import Observation


@dataclass(frozen=True)
class Given:
    """What the request says beside the body, for formats that do not name their kernel themselves."""

    kernel: str = ""
    architecture: str = ""
    label: str = ""
    environment: str = ""


@dataclass(frozen=True)
class Format:
    """`media_types`: what a Content-Type must read to mean this format. `needs`: names of `Given` that must be said.
    `run_id` gives the id by which the same sending is known again, '' where the format carries none."""

    name: str
    title: str
    media_types: Tuple[str, ...]
    suffix: str
    needs: Tuple[str, ...]
    run_id: Callable[[bytes, Given], str]
    observations: Callable[[bytes, Given], List[Observation]]
