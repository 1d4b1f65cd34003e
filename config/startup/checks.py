"""What `manage.py check`, and with it each migration, refuses beside Django's own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

# Each process would have a cache of its own: a code of a second factor could be used once in every one of them.
ALONE = ("locmem.LocMemCache", "dummy.DummyCache", "filebased.FileBasedCache")


@register(Tags.caches)
def cache_is_shared(**_: Any) -> list[CheckMessage]:
    if settings.LOCAL:
        return []
    return [
        Error(f"CACHES[{name!r}]: {kept['BACKEND']} is not shared by all processes.", id="unmigratable.E001")
        for name, kept in settings.CACHES.items()
        if kept["BACKEND"].endswith(ALONE)
    ]
