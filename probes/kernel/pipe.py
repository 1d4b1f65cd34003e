"""A pipe that nobody reads: what is in it is held until it is drained, or until the process ends."""

from __future__ import annotations

import os

from probes.errors import Disturbed


class UnreadPipe:
    def __init__(self) -> None:
        self.reader, self.writer = -1, -1

    def open(self) -> None:
        self.reader, self.writer = os.pipe()

    def drain(self, size_bytes: int) -> None:
        """Read so many bytes, which must be there already."""
        os.set_blocking(self.reader, False)
        while size_bytes > 0:
            got = len(os.read(self.reader, size_bytes))
            if not got:
                raise Disturbed("the pipe had %d bytes less than were put in" % size_bytes)
            size_bytes -= got

    def close(self) -> None:
        for fd in (self.reader, self.writer):
            if fd >= 0:
                os.close(fd)
        self.reader, self.writer = -1, -1
