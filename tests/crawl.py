"""Every page that a person can reach by following links from the first one, fetched once; what is wrong with one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import html5lib
from django.http import HttpResponse
from django.test import Client
from django.urls import Resolver404, URLPattern, URLResolver, resolve
from html5lib.constants import E as SAID

from config.urls import urlpatterns

# Of a kind of page that is made from data so many stand for all; of those that are written none is left out.
OF_A_KIND = 6
WHOLE = ("case", "case-history", "case-snapshot", "strategy", "subsystem")
CHILDREN = {
    "ul": {"li"},
    "ol": {"li"},
    "dl": {"dt", "dd", "div"},
    "table": {"caption", "colgroup", "thead", "tbody", "tfoot"},
    "thead": {"tr"},
    "tbody": {"tr"},
    "tr": {"th", "td"},
    "select": {"option", "optgroup"},
}
PRESSED = {"a", "button", "summary", "select", "input", "textarea"}


def routes() -> list[URLPattern | URLResolver]:
    """Every address of the site; those of allauth as the one include that they are."""
    made: list[URLPattern | URLResolver] = []
    for one in urlpatterns:
        made += one.url_patterns if isinstance(one, URLResolver) and not str(one.pattern) else [one]
    return made


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


def faults(page: str) -> Iterator[str]:
    """What is no valid HTML in a page, or no sense: a line for each."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    root = parser.parse(page)
    for (line, _), code, values in parser.errors:
        yield f"line {line}: {SAID[code] % values}"
    elements = [element for element in root.iter() if isinstance(element.tag, str)]
    ids = [element.get("id") for element in elements if element.get("id") is not None]
    yield from (f"the id {name!r} stands there {ids.count(name)} times" for name in set(ids) if ids.count(name) > 1)
    for element in elements:
        yield from _pointers(element, set(ids))
        yield from _inside(element)
    headings = [element for element in elements if element.tag == "h1"]
    if len(headings) != 1:
        yield f"{len(headings)} headings of the first level"


def _pointers(element: Any, ids: set[str]) -> Iterator[str]:
    for name in ("for", "aria-describedby", "aria-labelledby", "aria-controls", "headers"):
        yield from (
            f"{name} names {to!r}, which is not there" for to in (element.get(name) or "").split() if to not in ids
        )
    href = element.get("href") or ""
    if element.tag == "a" and href.startswith("#") and href[1:] not in ids:
        yield f"a link to {href}, which is not there"


def _inside(element: Any) -> Iterator[str]:
    for child in element:
        if isinstance(child.tag, str) and child.tag not in CHILDREN.get(element.tag, {child.tag}):
            yield f"<{child.tag}> in <{element.tag}>"
    if element.tag == "select" and "required" in element.attrib and "multiple" not in element.attrib:
        first = element[0] if len(element) else None
        if first is None or first.tag != "option" or first.get("value") != "":
            yield "a required <select> without an empty first choice"
    if element.tag in ("a", "button"):
        within = [child.tag for child in element.iter() if child is not element and child.tag in PRESSED]
        yield from (f"<{tag}> within <{element.tag}>" for tag in within)
