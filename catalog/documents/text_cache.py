"""A pure function of a text with its latest results kept, so many characters of texts and no more.

Bounded by size, not by number: anybody who proposes has long texts read, and a thousand of those would take hundreds of
megabytes of each process.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")
LEAST = 500  # characters that a result counts for, however short its text


class Remembering(Generic[Made]):
    """`nr_read`: how often the function itself was called. What it raises is kept nowhere."""

    def __init__(self, read: Callable[[str], Made], most_characters: int) -> None:
        self._read, self._most = read, most_characters
        self._kept: OrderedDict[str, Made] = OrderedDict()
        self._lock = threading.Lock()
        self.size = self.nr_read = 0

    def __call__(self, text: str) -> Made:
        with self._lock:
            if text in self._kept:
                self._kept.move_to_end(text)
                return self._kept[text]
            self.nr_read += 1
        made = self._read(text)
        with self._lock:
            if text not in self._kept:
                self._kept[text] = made
                self.size += max(len(text), LEAST)
            while self.size > self._most:
                oldest, _ = self._kept.popitem(last=False)
                self.size -= max(len(oldest), LEAST)
        return made
