"""A secret in a file for its owner alone, from the first byte on: what `> token` makes everybody may read."""

from __future__ import annotations

import os
from pathlib import Path


def create(path: Path, secret: str) -> None:
    """Raises OSError, FileExistsError too: neither a file that is there nor a link is written through."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w") as file:
        file.write(secret + "\n")
