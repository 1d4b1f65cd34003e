"""How lines of the log are written."""

from __future__ import annotations

import logging

LONGEST = 500


class OneLine(logging.Formatter):
    """Without the traceback: for what strangers can cause as often as they like, such as a name that is not ours."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname} {record.name}: {record.getMessage()[:LONGEST]}".replace("\n", " ")
