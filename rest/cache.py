"""Django's cache, in the database: what one process counted or used up, every other one knows, on every node.

allauth keeps in it which codes of second factors were used and how often somebody failed to sign in. In the memory of
each process a code could be used once for each of them, and a limit was as many limits as processes.

Django's own `DatabaseCache` counts its whole table with every write, lets two processes `add` what had expired, and
makes room by the order of keys, so that a flood throws limits away. Here a write is one statement, and only what
expired goes; past MAX_ENTRIES what would expire first.
"""

from __future__ import annotations

import base64
import pickle
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connection

MAX_ENTRIES = 200_000
_STATEMENTS = {
    "set": """
        INSERT INTO rest_cached (cache_key, value, expires) VALUES (%(key)s, %(value)s, %(expires)s)
        ON CONFLICT (cache_key) DO UPDATE SET value = excluded.value, expires = excluded.expires""",
    "add": """
        INSERT INTO rest_cached AS c (cache_key, value, expires) VALUES (%(key)s, %(value)s, %(expires)s)
        ON CONFLICT (cache_key) DO UPDATE SET value = excluded.value, expires = excluded.expires
            WHERE c.expires <= now()""",
    "touch": "UPDATE rest_cached SET expires = %(expires)s WHERE cache_key = %(key)s AND expires > now()",
}
_MAKE_ROOM = """
DELETE FROM rest_cached WHERE cache_key IN (
    SELECT cache_key FROM rest_cached ORDER BY expires LIMIT greatest((SELECT count(*) FROM rest_cached) - %s, 0)
)
"""


class SharedCache(DatabaseCache):
    def _base_set(self, mode: str, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT) -> bool:
        end = self.get_backend_timeout(timeout)
        given: dict[str, Any] = {
            "key": key,
            "value": base64.b64encode(pickle.dumps(value, self.pickle_protocol)).decode(),
            "expires": datetime.max.replace(tzinfo=UTC) if end is None else datetime.fromtimestamp(end, tz=UTC),
        }
        with connection.cursor() as cursor:
            cursor.execute(_STATEMENTS[mode], given)
            return bool(cursor.rowcount)


def sweep(most: int = MAX_ENTRIES) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM rest_cached WHERE expires <= now()")
        cursor.execute(_MAKE_ROOM, [most])
