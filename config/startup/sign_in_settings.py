"""How people sign in, and whether mail can be sent to them: what the environment says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from config.startup.environment import Environment

_BACKENDS = {"filebased": "config.startup.mail_files.EmailBackend"}
_PAIR = (r"[^\s:]+:[^\s]+", "a client id and a secret with a colon between")


@dataclass(frozen=True)
class Signing:
    apps: list[str]
    providers: dict[str, Any]
    origins: list[str]
    """Where a form of ours may lead on to: the providers' sign-in pages."""
    is_open: bool
    sends_mail: bool
    mail_backend: str
    mail_host: str
    mail_port: int
    mail_user: str
    mail_password: str
    mail_is_smtps: bool
    mail_is_plain: bool
    """To a server on this machine, in local mode: a sink that shows what is sent has no certificate."""
    mail_from: str


def read(env: Environment, site: str, local: bool, var: Path) -> Signing:
    """On one machine, without an SMTP server, mail is written to files below var/mail, and so can be read there."""
    parts = env.mail_server("UNMIGRATABLE_SMTP")
    backend = "smtp" if parts.hostname else "filebased" if local else "dummy"
    providers, apps, origins = _providers(env)
    host = urlsplit(site).hostname or "localhost"
    return Signing(
        apps=apps,
        providers=providers,
        origins=origins,
        is_open=env.choice("UNMIGRATABLE_SIGN_UP", ("open", "closed")) == "open" and backend != "dummy",
        sends_mail=backend != "dummy",
        mail_backend=_BACKENDS.get(backend, f"django.core.mail.backends.{backend}.EmailBackend"),
        mail_host=parts.hostname or "",
        mail_port=parts.port or (465 if parts.scheme == "smtps" else 587),
        mail_user=unquote(parts.username or ""),
        mail_password=unquote(parts.password or ""),
        mail_is_smtps=parts.scheme == "smtps",
        mail_is_plain=local and parts.scheme == "smtp" and parts.hostname in ("localhost", "127.0.0.1", "::1"),
        mail_from=env.optional("UNMIGRATABLE_MAIL_FROM", r"[^\s@<>]+@[^\s@<>]+", "a mail address", f"noreply@{host}"),
    )


def _providers(env: Environment) -> tuple[dict[str, Any], list[str], list[str]]:
    providers: dict[str, Any] = {}
    apps, origins = [], []
    if github := env.optional("UNMIGRATABLE_GITHUB", *_PAIR, "", is_secret=True):
        client, _, secret = github.partition(":")
        providers["github"] = {"APPS": [{"client_id": client, "secret": secret}], "SCOPE": ["user:email"]}
        apps.append("allauth.socialaccount.providers.github")
        origins.append("https://github.com")
    if oidc := env.optional("UNMIGRATABLE_OIDC", *_PAIR, "", is_secret=True):
        client, _, secret = oidc.partition(":")
        url = env.required("UNMIGRATABLE_OIDC_URL", r"https://[^\s]+", "an https address")
        name = env.optional("UNMIGRATABLE_OIDC_NAME", r".{1,40}", "up to 40 characters", "OpenID")
        app = {"provider_id": "oidc", "name": name, "client_id": client, "secret": secret}
        providers["openid_connect"] = {"APPS": [{**app, "settings": {"server_url": url}}]}
        apps.append("allauth.socialaccount.providers.openid_connect")
        origins.append("https://" + urlsplit(url).netloc)
    return providers, apps, origins
