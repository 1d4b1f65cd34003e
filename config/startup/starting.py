"""A start that cannot succeed ends with one sentence, which names the variable or the place, and with exit code 2.

    with starting.or_a_sentence():
        starting.demand_settings()

A traceback of forty lines hides its cause from whoever only mistyped a password. What cannot be put into a sentence
keeps its traceback.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import NotSupportedError, OperationalError

EXIT_CODE = 2
DATABASE_SECONDS = 5
# What the server says, and what is to be done about it.
_REMEDIES = {
    "password": "Check the user and the password in it.",
    "pg_hba": "The server does not let this user in from here: see its pg_hba.conf.",
    "does not exist": "Make it there, or name another.",
    "": "Is PostgreSQL up, and is the address right?",
}


class CannotStart(Exception):
    """Its text is the sentence."""


@contextmanager
def or_a_sentence() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        said = sentence(error)
        if said is None:
            raise
        print(said, file=sys.__stderr__)  # Celery's beat makes log lines of sys.stderr
        raise SystemExit(EXIT_CODE) from None


def sentence(error: BaseException) -> str | None:
    """What went wrong and what to do, for what an operator can mend; None for what is a defect."""
    if isinstance(error, ImproperlyConfigured | CommandError | CannotStart | NotSupportedError):
        return " ".join(str(error).split())
    for cause in _causes(error):
        if isinstance(cause, psycopg.errors.DiskFull) or getattr(cause, "errno", 0) == errno.ENOSPC:
            return f"There is no room on the disk: {_first_line(cause)}. Make room, and start again."
        if isinstance(cause, psycopg.errors.InsufficientPrivilege):
            return f"DATABASE_URL: its user may not do this: {_first_line(cause)}. It has to own the database."
    if isinstance(error, OperationalError | psycopg.OperationalError):
        return database_trouble() or None
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename} cannot be used: {error.strerror}. See UNMIGRATABLE_VAR."
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def demand_settings() -> None:
    from django.conf import settings

    settings.INSTALLED_APPS  # noqa: B018 - reads them all


def demand_database() -> None:
    if trouble := database_trouble():
        raise CannotStart(trouble)


def database_trouble() -> str:
    """Why there is no connection; '' where there is one. Asked beside the pool, which only says that its time is up."""
    from django.db import connection

    if not connection.settings_dict["NAME"]:
        return "DATABASE_URL: it names no database. Write it after the host, as in postgresql://user@host/unmigratable."
    given: dict[str, Any] = connection.get_connection_params()
    try:
        psycopg.connect(**{"connect_timeout": DATABASE_SECONDS, **given}).close()
    except (psycopg.Error, OSError) as error:
        text = str(error)
        said = [line for line in text.splitlines() if "failed: " in line] or [_first_line(error)]
        cause = said[-1].rpartition("failed: ")[2].removeprefix("FATAL:").strip(" .")
        remedy = next(what for sign, what in _REMEDIES.items() if sign in text)
        where = f"{given.get('host') or 'the local socket'}, port {given.get('port') or 5432}"
        return f"DATABASE_URL: no connection to {where}: {cause}. {remedy}"
    return ""


def demand_broker(app: Any) -> None:
    """Refuses a broker that refuses us. One that does not answer may come later: Celery goes on asking."""
    from amqp.exceptions import AccessRefused, NotAllowed
    from redis.exceptions import AuthenticationError

    line = app.connection_for_write()
    try:
        line.connect()
    except (AccessRefused, NotAllowed, AuthenticationError) as error:
        parts = urlsplit(app.conf.broker_url)
        where = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        cause = re.sub(r"^(\([\d, ]+\):? ?)+", "", _first_line(error))
        remedy = "Check the user, the password and the virtual host in it."
        raise CannotStart(f"CELERY_BROKER_URL: the broker at {where} refuses: {cause}. {remedy}") from None
    except (OSError, *line.connection_errors):
        return
    finally:
        line.release()


def demand_free(addresses: Sequence[Any]) -> None:
    """Each address can be listened on. Sockets that were handed to us are there already."""
    if os.environ.get("GUNICORN_FD") or os.environ.get("LISTEN_FDS"):
        return
    for address in addresses:
        if not isinstance(address, tuple):
            continue
        with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                where = f"{address[0]}:{address[1]}"
                raise CannotStart(
                    f"--bind {where}: {error.strerror}. End what listens there, or choose another."
                ) from None


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
