"""Ids of reports: UUIDs of version 7 (RFC 9562, 5.7), which begin with the time. What belongs to the newest reports
stands together in every index, and is found in one search instead of one each.

After the millisecond stand 12 bits of its fraction (6.2, method 3), and no id of a process is below one before it: of
two messages that come in one millisecond the later has the higher id, which decides between two states of one test.
That also holds when the clock is set back.
"""

from __future__ import annotations

import os
import threading
import time
import uuid

_FRACTIONS = 1 << 12


class Ids:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0  # in fractions of a millisecond

    def new(self) -> uuid.UUID:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() * _FRACTIONS // 1_000_000)
            milliseconds, fraction = divmod(self._last, _FRACTIONS)
        random = int.from_bytes(os.urandom(8), "big") >> 2
        return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | random)


new_id = Ids().new
