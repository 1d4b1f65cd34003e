"""Where on the web a Message-ID and a commit are read."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings

MAINLINE = "https://git.kernel.org/linus/"
# Has every stable branch, and mainline as well.
STABLE = "https://git.kernel.org/stable/c/"


def of_message(message_id: str) -> str:
    """In the archive that this site is set to; a Message-ID may hold what an address may not."""
    return f"{settings.ARCHIVE}{quote(message_id, safe='@')}/"


def of_commit(commit: str, tree: str = "mainline") -> str:
    return (MAINLINE if tree == "mainline" else STABLE) + commit
