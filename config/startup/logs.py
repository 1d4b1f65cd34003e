"""How the log is written: to standard error, a line each. As JSON, with the id of the request that a line belongs to,
also in the tasks that the request asked for; or plain, for who reads it as it comes.

Our modules use the standard library's `logging`; structlog gives each record what it is bound to.
"""

from __future__ import annotations

import logging
from typing import Any

import structlog

LONGEST = 500
_TRACEBACK = 8_000


class OneLine(logging.Formatter):
    """Without the traceback: for what strangers can cause as often as they like, such as a name that is not ours."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname} {record.name}: {record.getMessage()[:LONGEST]}".replace("\n", " ")


def _drop_traceback(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event.pop("exc_info", None)
    return event


def _bound(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A line has to fit what reads it: journald cuts at 48 KiB, and a text of a stranger's may stand in a message."""
    event["event"] = str(event.get("event", ""))[:LONGEST]
    if "exception" in event:
        event["exception"] = event["exception"][-_TRACEBACK:]
    return event


def _drop_idle(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Beat asks for a task every few seconds: only those are told that a request asked for."""
    if event.get("event") == "task_succeeded" and "request_id" not in event:
        raise structlog.DropEvent
    return event


_BEFORE: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _as_json(*last: structlog.typing.Processor) -> dict[str, Any]:
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _BEFORE,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *last,
            structlog.processors.format_exc_info,
            _bound,
            structlog.processors.JSONRenderer(),
        ],
    }


def settings(as_json: bool) -> dict[str, Any]:
    """For `logging.config.dictConfig`, with structlog set up beside it."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_BEFORE,
            _drop_idle,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    plain = {"format": "%(levelname)s %(name)s: %(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": _as_json() if as_json else plain,
            "one line": _as_json(_drop_traceback) if as_json else {"()": "config.startup.logs.OneLine"},
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "line"},
            "one line": {"class": "logging.StreamHandler", "formatter": "one line"},
        },
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            # One of the two tells a request that failed, with its traceback.
            "django.request": {"level": "CRITICAL" if as_json else "ERROR"},
            "django_structlog": {"level": "INFO" if as_json else "CRITICAL"},
            "config.middleware.request_log": {"level": "INFO" if as_json else "CRITICAL"},
            "mail.log": {
                "level": "WARNING"
            },  # aiosmtpd's: every line of every mail, and in it addresses that are secret
            "django.security": {"handlers": ["one line"], "propagate": False},
        },
    }
