"""What the kernel says during a run. For guests: a machine in use logs what is nobody's business."""

from __future__ import annotations

import os
from typing import Dict, List

_RECORD_BYTES = 8192
_LINE_CHARACTERS = 300
_MOST_LINES = 80
_FIRST_LINES = 50


class Tail:
    """From now on: what /dev/kmsg will say."""

    def __init__(self) -> None:
        try:
            self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.lseek(self.fd, 0, os.SEEK_END)
        except OSError:
            self.fd = -1

    def close(self) -> Dict[str, List[str]]:
        """The `log` of a run; nothing where nothing was said."""
        lines = self._read()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        return {"log": bounded(lines)} if lines else {}

    def _read(self) -> List[str]:
        lines: List[str] = []
        while self.fd >= 0:
            try:
                lines.append(message(os.read(self.fd, _RECORD_BYTES)))
            except BrokenPipeError:  # records were overwritten before we came; the next read goes on after them
                lines.append("(lines were lost here)")
            except OSError:
                break
        return lines


def message(record: bytes) -> str:
    """`[seconds] text` of a record `priority,sequence,microseconds,flags;text` (Documentation/ABI/testing/dev-kmsg)."""
    head, _, body = record.decode("utf-8", "replace").partition(";")
    text = body.split("\n")[0]
    fields = head.split(",")
    when = "[%.6f] " % (int(fields[2]) / 1e6) if len(fields) > 2 and fields[2].isdigit() else ""
    return (when + text)[:_LINE_CHARACTERS]


def bounded(lines: List[str]) -> List[str]:
    """The first lines tell why, the last how it ended; of those in between, how many there were."""
    if len(lines) <= _MOST_LINES:
        return lines
    last = _MOST_LINES - _FIRST_LINES - 1
    left_out = len(lines) - _FIRST_LINES - last
    return [*lines[:_FIRST_LINES], "(%d lines left out)" % left_out, *lines[-last:]]
