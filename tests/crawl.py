"""Every page that a person can reach by following links from the first one, fetched once."""

from __future__ import annotations

import re
from collections import Counter
from html import unescape
from urllib.parse import urldefrag, urljoin, urlsplit

from django.http import HttpResponse
from django.test import Client
from django.urls import Resolver404, resolve

# Of a kind of page that is made from data so many stand for all; of those that are written none is left out.
OF_A_KIND = 6
WHOLE = ("case", "strategy", "subsystem")


def pages(client: Client, *starts: str) -> dict[str, HttpResponse]:
    """By address, every HTML page within reach of `starts`, and `starts` themselves; redirects are followed."""
    found: dict[str, HttpResponse] = {}
    seen: set[str] = set()
    kinds: Counter[str] = Counter()
    waiting = list(starts)
    while waiting:
        path = waiting.pop(0)
        if path in seen or (path not in starts and not _wanted(path, kinds)):
            continue
        seen.add(path)
        answer = client.get(path, headers={"accept": "text/html"}, follow=True)
        if not answer.get("Content-Type", "").startswith("text/html"):
            continue
        found[path] = answer
        if path != "/styleguide/":  # its data is made up, and its links lead to nothing
            waiting += links(path, answer.content.decode())
    return found


def links(path: str, page: str) -> list[str]:
    """The addresses on this site that a page leads to, without their fragments."""
    targets = [urldefrag(urljoin(path, unescape(href))).url for href in re.findall(r'<a\b[^>]*?\bhref="([^"]*)"', page)]
    return [target for target in targets if target.startswith("/") and not target.startswith("//")]


def _wanted(path: str, kinds: Counter[str]) -> bool:
    try:
        kind = resolve(urlsplit(path).path).url_name or urlsplit(path).path
    except Resolver404:
        kind = "not there"
    if kind in WHOLE and not urlsplit(path).query:
        return True
    kinds[kind] += 1
    return kinds[kind] <= OF_A_KIND
