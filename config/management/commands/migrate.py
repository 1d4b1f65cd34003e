"""Django's migrate, which holds nobody up: a statement that has to wait for a lock gives up after a few seconds, and is
tried again. While it waits, everybody who comes after it waits behind it, readers too."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from django.core.management.commands import migrate
from django.db import OperationalError, connection

LOCK_SECONDS = 3
TRIES = 20
PAUSE_SECONDS = 3.0


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        for left in reversed(range(TRIES)):
            try:
                super().handle(*args, **options)
                return
            except OperationalError as error:
                if not (isinstance(error.__cause__, psycopg.errors.LockNotAvailable) and left):
                    raise
                self.stderr.write(f"somebody holds a lock for over {LOCK_SECONDS} s: tried again, {left} times more")
                time.sleep(PAUSE_SECONDS)

    def migration_progress_callback(self, action: str, migration: Any = None, fake: bool = False) -> None:
        """Indices that are made concurrently wait for every old transaction, and hold up nobody: they may."""
        if action in ("apply_start", "unapply_start"):
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS if migration.atomic else 0}s'")
        super().migration_progress_callback(action, migration, fake)
