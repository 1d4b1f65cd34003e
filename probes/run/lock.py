"""One probe at a time on a machine: two would compact each other's pages away."""

from __future__ import annotations

import socket
import time
from typing import Callable

from probes.errors import CannotRun

_NAME = "\0unmigratable-probe"


def only_one(seconds: float, say: Callable[[str], None]) -> socket.socket:
    """The lock, held until it is closed or the process dies: a name that only one socket can have.

    Raises CannotRun where another probe has it for longer than `seconds`.
    """
    mine = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    end, said = time.monotonic() + seconds, False
    while True:
        try:
            mine.bind(_NAME)
            return mine
        except OSError as error:
            if time.monotonic() > end:
                mine.close()
                raise CannotRun("another probe is running on this machine") from error
        if not said:
            say("another probe is running on this machine; waiting for it")
            said = True
        time.sleep(0.2)
