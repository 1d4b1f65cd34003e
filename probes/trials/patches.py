"""A candidate: one patch or a series of them, as a file, a mailbox or a folder of files."""

from __future__ import annotations

import hashlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from probes.errors import CannotRun
from probes.lab import tools

_HUNK = re.compile(rb"(?m)^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")
_FILES = re.compile(rb"(?m)^--- (\S+)(?:[^\S\n].*)?\n\+\+\+ (\S+)(?:[^\S\n].*)?$")
_ENDINGS = (".patch", ".diff", ".mbox", ".mbx", ".eml")


@dataclass(frozen=True)
class Series:
    """`text`: all patches in their order, headers of mail between them. `patch_id` is empty where there is no git."""

    name: str
    text: bytes
    patch_id: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text).hexdigest()[:16]


def read(path: Path) -> Series:
    """Raises CannotRun where there is nothing that changes a file."""
    files = sorted(each for each in path.iterdir() if each.suffix in _ENDINGS) if path.is_dir() else [path]
    try:
        text = b"\n".join(each.read_bytes() for each in files)
    except OSError as error:
        raise CannotRun("the series cannot be read: %s" % error) from error
    if not _HUNK.search(text):
        raise CannotRun("there is no patch in %s" % path)
    return Series(path.stem, text, _patch_id(text))


def _patch_id(text: bytes) -> str:
    """What `git patch-id --stable` prints; of a series, a digest of what it prints for each of its mails."""
    git = tools.find("git")
    if git is None:
        return ""
    if b"\ndiff " not in b"\n" + text:  # what plain diff made: git looks for the line by which its own begin
        text = _FILES.sub(rb"diff --git \1 \2\n\g<0>", text)
    shown = subprocess.run([git, "patch-id", "--stable"], input=text, capture_output=True).stdout.decode().split("\n")
    ids = [line.split()[0] for line in shown if line.strip()]
    return ids[0] if len(ids) == 1 else hashlib.sha256("\n".join(ids).encode()).hexdigest() if ids else ""
