"""Reports that wait to be sent: one file each, in a folder with a bound in number and in bytes.

RUN_ID.json          waits
RUN_ID.json.refused  the server will not have it; kept to be looked at, first to go when room is short
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, List

from probes.errors import SpoolFull

MOST_FILES = 200
MOST_BYTES = 20 << 20
_REFUSED = ".refused"


@dataclass(frozen=True)
class Spool:
    folder: Path
    most_files: int = MOST_FILES
    most_bytes: int = MOST_BYTES

    def put(self, run_id: str, body: bytes) -> Path:
        """Write a report so that it is there whole or not at all. Raises SpoolFull and OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._make_room(len(body))
        target = self.folder / (run_id + ".json")
        partial = self.folder / (".%s.%d" % (run_id, os.getpid()))
        try:
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_folder(self.folder)
        return target

    def waiting(self) -> List[Path]:
        """Oldest first."""
        return _by_age(self.folder.glob("*.json"))

    def refused(self) -> List[Path]:
        return _by_age(self.folder.glob("*.json" + _REFUSED))

    def done(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def refuse(self, path: Path) -> Path:
        """Move a report aside that the server will not have."""
        aside = path.with_name(path.name + _REFUSED)
        os.replace(path, aside)
        return aside

    def _make_room(self, size_bytes: int) -> None:
        waiting, refused = self.waiting(), self.refused()
        while refused and not self._fits(waiting + refused, size_bytes):
            refused.pop(0).unlink(missing_ok=True)
        if not self._fits(waiting, size_bytes):
            message = "the spool %s is full (%d reports wait): send them, or remove some"
            raise SpoolFull(message % (self.folder, len(waiting)))

    def _fits(self, files: List[Path], size_bytes: int) -> bool:
        return len(files) < self.most_files and sum(_size(path) for path in files) + size_bytes <= self.most_bytes


def default_folder() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(state) / "unmigratable" / "spool"


def _by_age(paths: Iterable[Path]) -> List[Path]:
    return sorted(paths, key=lambda path: (_modified(path), path.name))


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
