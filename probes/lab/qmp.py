"""What a guest may ask of the lab while it runs, and how QEMU is told: over a channel that the guest does not have.

A guest's probe writes `@@unmig ask WORD STATE` to the results' port. Both words have to be known for that guest's
shape; what QEMU is told stands here and never in what the guest wrote.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from probes.errors import CannotRun
from probes.lab.guest import MARK, Setter

_ASKED = re.compile(r"%s ask (\w{1,20}) (\w{1,20})" % re.escape(MARK))
_ANSWER_SECONDS = 20.0
_MOST_BYTES = 1 << 20
_MOST_REQUESTS_A_RUN = 20  # it makes 6 to 8


def asked(data: bytes) -> List[Tuple[str, str]]:
    """What was asked for so far, in whole lines."""
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")[:-1]
    return [(match[1], match[2]) for match in map(_ASKED.fullmatch, lines) if match]


@contextlib.contextmanager
def monitor_for(setters: Sequence[Setter], nr_runs: int) -> "Iterator[Optional[Monitor]]":
    """For a guest that is to make so many runs; None where its shape lets it ask for nothing."""
    if not setters:
        yield None
        return
    with contextlib.closing(Monitor(setters, nr_runs)) as made:
        yield made


class Monitor:
    """QEMU's monitor at the other end of a pair of sockets, so that there is no file that another could open."""

    def __init__(self, setters: Sequence[Setter], nr_runs: int = 1) -> None:
        self.setters: Mapping[str, Setter] = {setter.word: setter for setter in setters}
        self._ours, self.theirs = socket.socketpair()
        self._most_requests = _MOST_REQUESTS_A_RUN * nr_runs
        self._received = b""
        self._greeted = False
        self._failed = False
        self._end = 0.0
        self.nr_answered = 0

    def arguments(self) -> List[str]:
        return ["-chardev", "socket,id=qmp,fd=%d" % self.theirs.fileno(), "-mon", "chardev=qmp,mode=control"]

    def handed_over(self) -> None:
        """QEMU has its end. While we had it open too, that QEMU is gone would not be seen."""
        self.theirs.close()

    def answer(self, word: str, state: str, seconds: float = _ANSWER_SECONDS) -> str:
        """Do what was asked for, where it is known, within `seconds`; says what came of it.

        Where QEMU once did not answer, it is told nothing more: what it would answer later would be taken for the
        answer to the request after, and each that follows would wait as long.
        """
        setter = self.setters.get(word)
        value = dict(setter.values).get(state) if setter is not None else None
        if setter is None or value is None:
            return "the guest asked for %s %s, which its shape does not have" % (word, state)
        self.nr_answered += 1
        if self.nr_answered > self._most_requests:
            return "the guest asked too often; %s stays as it is" % word
        if self._failed:
            return "QEMU has not answered before; %s stays as it is" % word
        self._end = time.monotonic() + min(seconds, _ANSWER_SECONDS)
        try:
            self._greet()
            self._tell("qom-set", {"path": setter.path, "property": setter.property, "value": value})
        except (OSError, CannotRun, ValueError) as error:
            self._failed = isinstance(error, OSError)
            return "QEMU did not set %s of %s: %s" % (setter.property, setter.path, error)
        return "%s of %s is %d now" % (setter.property, setter.path, value)

    def close(self) -> None:
        for end in (self._ours, self.theirs):
            with contextlib.suppress(OSError):
                end.close()

    def _greet(self) -> None:
        """QEMU says hello first, and takes no command before this one (the QMP specification, section 2.2)."""
        if not self._greeted:
            while "QMP" not in self._message():
                continue
            self._tell("qmp_capabilities", {})
            self._greeted = True

    def _tell(self, command: str, arguments: Dict[str, Any]) -> None:
        self._wait_no_longer()
        self._ours.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            message = self._message()
            if "error" in message:
                raise CannotRun(str(message["error"].get("desc", message["error"])))
            if "return" in message:  # and not an event, which may come at any time
                return

    def _message(self) -> Dict[str, Any]:
        while b"\n" not in self._received:
            self._wait_no_longer()
            part = self._ours.recv(1 << 16)
            if not part or len(self._received) > _MOST_BYTES:
                raise CannotRun("its monitor is closed")
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        message = json.loads(line)
        return message if isinstance(message, dict) else {}

    def _wait_no_longer(self) -> None:
        """Than to the end of this request, however many events come meanwhile."""
        self._ours.settimeout(max(0.001, self._end - time.monotonic()))
