"""The environment, read strictly: what is unknown or malformed stops the start with a sentence that says which."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

# Name: what it is. A variable that begins with UNMIGRATABLE_ and is not here is a mistake.
KNOWN = {
    "UNMIGRATABLE_MODE": "'production' (the default) or 'local', for one machine over plain HTTP on loopback.",
    "UNMIGRATABLE_SECRET_KEY": "50 characters or more. Required.",
    "UNMIGRATABLE_HOSTS": "Host names that the site answers to, with commas between. Required in production.",
    "UNMIGRATABLE_SITE_URL": "The site's own address, such as https://unmigratable.example. Required in production.",
    "UNMIGRATABLE_VAR": "The folder for what `make run` keeps: database, queue, static files. Default: var.",
    "UNMIGRATABLE_COMMIT": "The commit that runs, 7 to 40 hex digits; shown beside probe.pyz.",
    "UNMIGRATABLE_LEASE_SECONDS": "After how long a worker that says nothing has lost its claim. Default: 60.",
    "UNMIGRATABLE_SWEEP_SECONDS": "How often the sweep looks for what a lost bell left lying. Default: 10.",
    "UNMIGRATABLE_KCIDB_ORIGIN": "This site's own origin in its export as KCIDB. Default: unmigratable.",
    "UNMIGRATABLE_QUEUE": "What its queues' names begin with, where sites share a broker. Default: unmigratable.",
    "UNMIGRATABLE_POOL": "Database connections of one process, at the most. Default: 16, one for each thread.",
    "UNMIGRATABLE_BEHIND_TLS_PROXY": "'yes' where a proxy ends TLS and sets the headers named below. Default: no.",
    "UNMIGRATABLE_HSTS": "'host' (the default), 'subdomains' or 'preload': what browsers reach by TLS alone.",
    "UNMIGRATABLE_LOG": "'json', a line each (the default in production), or 'plain' (the default in local mode).",
    "UNMIGRATABLE_PROXIES": "How many proxies of yours append to X-Forwarded-For. Default: 1.",
    "UNMIGRATABLE_ALIVE": "A file that a worker or beat touches every ten seconds, for whoever watches it.",
    "UNMIGRATABLE_ARCHIVE": "The public-inbox that mail threads are fetched from. Default: https://lore.kernel.org/all/.",
    "UNMIGRATABLE_ARCHIVE_HOSTS": "Hosts that it may be fetched from, redirects too. Default: the archive's own.",
    "UNMIGRATABLE_LIST": "The list that a reply goes to where a thread was not imported. Default: linux-mm@kvack.org.",
    "UNMIGRATABLE_FOLLOW_SECONDS": "How often a mail thread that is alive is looked at again. Default: 3600.",
    "UNMIGRATABLE_LIMITS": "Other limits, as in 'send=60000/60,diagnose=10/60': units in so many seconds.",
    "UNMIGRATABLE_KEEP_DAYS": "Other times to keep what goes after a while, as in 'refused=7,shares=0'; 0 is for ever.",
    "UNMIGRATABLE_SIGN_UP": "'open' (the default), where mail can be sent, or 'closed': then people are added by hand.",
    "UNMIGRATABLE_SMTP": "Where mail is sent: smtp://user:password@host:587 (STARTTLS) or smtps://….",
    "UNMIGRATABLE_MAIL_FROM": "The sender of the site's mail. Default: noreply@ the site's own host.",
    "UNMIGRATABLE_MAIL_IN": "The domain whose mail is handed to this site: answers and what came back. Default: none.",
    "UNMIGRATABLE_MAIL_AUTH": "The mail server's name in Authentication-Results; if set, answers need its dmarc=pass.",
    "UNMIGRATABLE_GITHUB": "Client id and secret of an OAuth app at GitHub, as id:secret, to sign in with it.",
    "UNMIGRATABLE_OIDC": "Client id and secret at an OpenID provider, as id:secret, to sign in with it.",
    "UNMIGRATABLE_OIDC_URL": "The provider's address, below which .well-known/openid-configuration is.",
    "UNMIGRATABLE_OIDC_NAME": "What its button says. Default: OpenID.",
    "UNMIGRATABLE_WEBHOOKS_TO_LOOPBACK": "In local mode, 'yes' lets webhooks reach this machine, over HTTP too.",
    "UNMIGRATABLE_TOKEN": "Read by probe.pyz, not by the site.",
}
# Those that hold secrets. NAME_FILE names a file with the value, in place of NAME: a process list, a crash dump or
# `docker inspect` shows what stands in the environment.
FROM_FILES = (
    *("DATABASE_URL", "CELERY_BROKER_URL", "UNMIGRATABLE_SECRET_KEY"),
    *("UNMIGRATABLE_SMTP", "UNMIGRATABLE_GITHUB", "UNMIGRATABLE_OIDC"),
)
DATABASE_SCHEMES = ("postgres", "postgresql")
BROKER_SCHEMES = ("amqp", "amqps", "redis", "rediss", "filesystem", "memory")


class Environment:
    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        self.given = with_files_read(os.environ if given is None else given)
        for name in self.given:
            if name.startswith("UNMIGRATABLE_") and name not in KNOWN:
                raise ImproperlyConfigured(f"{name}: no such setting. Known: {', '.join(KNOWN)}.")

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.given.get(name) or choices[0]
        if value not in choices:
            raise ImproperlyConfigured(f"{name}: expected one of {', '.join(choices)}, found {value!r}.")
        return value

    def required(self, name: str, regex: str, expected: str, is_secret: bool = False) -> str:
        """What a secret holds is never printed."""
        value = self.given.get(name, "")
        if not re.fullmatch(regex, value):
            found = "nothing" if not value else f"{len(value)} characters" if is_secret else repr(value[:80])
            raise ImproperlyConfigured(f"{name}: expected {expected}, found {found}.")
        return value

    def optional(self, name: str, regex: str, expected: str, default: str, is_secret: bool = False) -> str:
        return self.required(name, regex, expected, is_secret) if self.given.get(name) else default

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        value = self.given.get(name) or str(default)
        if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
            raise ImproperlyConfigured(f"{name}: expected a whole number from {least} to {most}, found {value!r}.")
        return int(value)

    def limits(self, name: str, usual: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        """Pairs such as send=600/60, with commas between, over the usual ones."""
        made = dict(usual)
        for part in filter(None, self.given.get(name, "").split(",")):
            found = re.fullmatch(r"([a-z-]+)=([1-9]\d{0,8})/([1-9]\d{0,5})", part.strip())
            if not found or found[1] not in usual:
                known = ", ".join(usual)
                raise ImproperlyConfigured(f"{name}: expected NAME=UNITS/SECONDS, NAME one of {known}, found {part!r}.")
            made[found[1]] = (int(found[2]), int(found[3]))
        return made

    def days(self, name: str, usual: dict[str, int]) -> dict[str, int]:
        """Pairs such as refused=30, with commas between, over the usual ones."""
        made = dict(usual)
        for part in filter(None, self.given.get(name, "").split(",")):
            found = re.fullmatch(r"([a-z-]+)=(\d{1,5})", part.strip(), re.ASCII)
            if not found or found[1] not in usual:
                known = ", ".join(usual)
                raise ImproperlyConfigured(f"{name}: expected NAME=DAYS, NAME one of {known}, found {part!r}.")
            made[found[1]] = int(found[2])
        return made

    def address(self, name: str, schemes: tuple[str, ...]) -> str:
        """A URL with one of these schemes. What it holds is never printed: it may hold a password."""
        value = self.given.get(name, "")
        if _parts(name, value).scheme not in schemes:
            raise ImproperlyConfigured(f"{name}: expected an address that begins with one of {', '.join(schemes)}://.")
        return value

    def mail_server(self, name: str) -> SplitResult:
        """smtp:// or smtps:// with a host; empty where nothing is said. It may hold a password, too."""
        value = self.given.get(name, "")
        parts = _parts(name, value)
        if value and not (parts.scheme in ("smtp", "smtps") and parts.hostname):
            raise ImproperlyConfigured(f"{name}: expected smtp://… or smtps://… with a host.")
        return parts


def with_files_read(given: Mapping[str, str]) -> dict[str, str]:
    """The same, with the first line of each file that NAME_FILE names as NAME. Raises `ImproperlyConfigured`."""
    made = dict(given)
    for name in FROM_FILES:
        path = made.pop(f"{name}_FILE", "")
        if not path:
            continue
        if made.get(name):
            raise ImproperlyConfigured(f"{name}: said twice, by itself and by {name}_FILE. Leave one out.")
        try:
            made[name] = Path(path).read_text().partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise ImproperlyConfigured(f"{name}_FILE: {path} cannot be read: {why}.") from None
    return made


def _parts(name: str, address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - is asked of the text only now
    except ValueError:
        raise ImproperlyConfigured(
            f"{name}: expected an address such as scheme://user:password@host:port, with a port from 0 to 65535; in a "
            "password, write other signs than letters and digits as %XX."
        ) from None
    return parts
