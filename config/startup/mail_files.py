"""Mail as files, for one machine: other users of it must not read the links by which a password is set anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.mail.backends import filebased


class EmailBackend(filebased.EmailBackend):
    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        Path(self.file_path).chmod(0o700)

    def open(self) -> bool:
        if self.stream is not None:
            return False
        self.stream = open(self._get_filename(), "ab", opener=_owner_only)  # noqa: SIM115 - close() is the backend's
        return True


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
