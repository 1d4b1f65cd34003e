"""Where a message may go: to public addresses over https, and nowhere else. Names are resolved once, and what was
resolved is what is connected to.

Refused   the address is not one that this site sends to; the text says why
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

MOST = 300
PORTS = (443,)
LEAST_OTHER_PORT = 1024  # what listens below speaks protocols of old, in which a request might mean something
_PUBLIC6 = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SIGNS = re.compile(r"[\x21-\x7e]+")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(Exception):
    pass


@dataclass(frozen=True)
class Target:
    host: str
    port: int
    path: str
    is_tls: bool

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.is_tls else 80) else f"{name}:{self.port}"


def read(url: str) -> Target:
    """Raises `Refused` for what could not be sent to whatever it resolves to."""
    if len(url) > MOST or not _SIGNS.fullmatch(url):
        raise Refused(f"Expected an address of up to {MOST} ASCII characters without spaces.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("This is no address.") from None
    is_tls = parts.scheme == "https"
    if not is_tls and not (parts.scheme == "http" and settings.WEBHOOKS_TO_LOOPBACK):
        raise Refused("Expected an address that begins with https://.")
    if not parts.hostname or parts.username is not None or parts.password is not None or parts.fragment:
        raise Refused("Expected a host, no user name and nothing after a #.")
    if port is not None and port not in PORTS and port < LEAST_OTHER_PORT:
        raise Refused(f"Expected port 443, or one from {LEAST_OTHER_PORT}.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.hostname, port or (443 if is_tls else 80), path, is_tls)


def resolved(target: Target) -> list[str]:
    """The addresses of the host as texts, in the resolver's order. Raises `Refused` where one is not public: a name
    that points to both will point to the other next time."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused("The host's name could not be resolved.") from None
    texts = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not texts:
        raise Refused("The host's name could not be resolved.")
    for text in texts:
        demand_public(text, target.is_tls)
    return texts


def demand_public(text: str, is_tls: bool = True) -> None:
    """Raises `Refused` unless this numeric address may be connected to. Over plain HTTP only this machine may."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise Refused("The host's name resolved to no address.") from None
    if settings.WEBHOOKS_TO_LOOPBACK and address.is_loopback:
        return
    if not is_tls or "%" in text or not is_public(address):
        raise Refused("This site sends to public addresses only.")


def is_public(address: Address) -> bool:
    """Whether it is an address of the internet, and so is the IPv4 address that it stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not (address.is_multicast or address.is_reserved)
    if address in _NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _PUBLIC6 or not address.is_global or address.teredo:
        return False  # that leaves out what is mapped, compatible, site-local, unique local and multicast
    return address.sixtofour is None or is_public(address.sixtofour)
