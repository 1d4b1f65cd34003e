"""Reports on their way from the lab's folder to the dashboard, each as the machine that its guest is.

What the lab kept is the spool: a report stays there whether it was sent or not. `FOLDER/sent` has a line for each that
the dashboard acknowledged, so that the next sitting sends the rest, and those alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterable, Optional, Set

from probes.errors import CannotRun, NotSent
from probes.sending import post, report
from probes.sending.send import Refused, Sender, Unreachable, Unwelcome

NOTE = "sent"
_ADD_MACHINE = "manage.py add_machine NAME --token-file %s"


@dataclass(frozen=True)
class Address:
    """Where to, and with whose token. `token_file` may be a folder with a file for each guest, by its name."""

    url: str
    token_file: Optional[str]
    insecure: bool = False

    def sender(self, guest: str, say: Callable[[str], None]) -> Sender:
        """Raises CannotRun with what to do about it."""
        file = self.token_file
        if file and Path(file).is_dir():
            file = str(Path(file) / guest)
            if not (Path(file).is_file() and Path(file).read_text(encoding="utf-8").strip()):
                raise CannotRun("no token in %s: %s" % (file, _ADD_MACHINE % file))
        try:
            return post.sender(self.url, None, file, self.insecure, say)
        except (NotSent, OSError) as error:
            raise CannotRun(str(error)) from error


@dataclass
class Outbox:
    """The reports of one guest's folder. `nr_left`: those that the dashboard did not take."""

    folder: Path
    sender: Sender
    say: Callable[[str], None]
    nr_left: int = 0
    _gone: bool = field(default=False)

    def send(self, path: Path) -> None:
        """Send the file as it lies there. After a network or a token that failed, the rest waits for the next time."""
        body = path.read_bytes()
        name = "%s %s" % (self.sender.url, report.run_id(body))
        if name in self._sent():
            return
        self.nr_left += 1
        if self._gone:
            return
        try:
            receipt = self.sender.send(report.run_id(body), body)
        except Refused as error:
            self.say("%s was refused: %s" % (path, error))
        except (Unreachable, Unwelcome) as error:
            self._gone = True
            self.say("not sent: %s; what is kept in %s is sent when the lab is run again" % (error, self.folder))
        else:
            self.nr_left -= 1
            self._note(name)
            self.say("sent: %s (%s)" % (receipt.address, receipt.state or "taken"))

    def catch_up(self, paths: Iterable[Path]) -> None:
        """Send what earlier sittings kept. What failed before is tried anew."""
        self._gone, self.nr_left = False, 0
        for path in paths:
            self.send(path)

    def _sent(self) -> Set[str]:
        try:
            return set((self.folder / NOTE).read_text(encoding="utf-8").splitlines())
        except FileNotFoundError:
            return set()

    def _note(self, name: str) -> None:
        with open(self.folder / NOTE, "a", encoding="utf-8") as notes:
            notes.write(name + "\n")
            notes.flush()
            os.fsync(notes.fileno())
