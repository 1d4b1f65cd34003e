"""Where a request came from, as far as it can be believed."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from django.conf import settings

# As gateways write an entry: an address, one with a port, or one of IPv6 in brackets with or without a port.
_WITH_PORT = re.compile(r"\[(?P<six>[^\[\]]+)\](?::\d{1,5})?|(?P<four>[\d.]+):\d{1,5}")
NOWHERE = "nowhere"


def address(request: Any) -> str:
    """The address of who asks. Behind proxies of ours it is the entry of X-Forwarded-For that the first of them wrote,
    counted from the end: whatever stands before it, the client may have written.

    What is no address counts as the connection's own: as a text of its own each would have limits of its own.
    """
    meta = request.META
    entries = str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    hops = settings.TRUSTED_PROXIES
    said = plain(entries[-hops]) if 0 < hops <= len(entries) else None
    return said or plain(str(meta.get("REMOTE_ADDR", ""))) or NOWHERE


def plain(entry: str) -> str | None:
    """An address without its port, written in the one way that there is; None where it is none."""
    text = entry.strip()[:80]
    if found := _WITH_PORT.fullmatch(text):
        text = found["six"] or found["four"]
    try:
        one = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = one.ipv4_mapped if isinstance(one, ipaddress.IPv6Address) else None
    return str(mapped or one)


def network(text: str) -> str:
    """Of IPv6 the /64, which is what one subscriber has: 2^64 addresses are not so many people."""
    if ":" not in text:
        return text
    return str(ipaddress.ip_network((int(ipaddress.ip_address(text)) >> 64 << 64, 64)))
