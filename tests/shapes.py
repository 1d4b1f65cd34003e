"""What kinds of elements a page has, and the fewest pages that together have all kinds.

What axe finds wrong depends on elements, their classes, roles and states, and on what they stand in: not on the words
of the 52nd case. A kind is an element with its classes, roles, states and data attributes, in the element around it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html.parser import HTMLParser
from typing import TypeVar

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
STATES = {"open", "disabled", "hidden", "required", "checked", "selected", "tabindex", "scope", "for", "href"}
VALUES = {"role", "type"}
Kind = tuple[str, ...]
Key = TypeVar("Key")


class _Kinds(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[Kind] = set()
        self.within: list[tuple[str, str]] = [("", "")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = " ".join(sorted((dict(attrs).get("class") or "").split()))
        states = sorted(f"{name}={value}" if name in VALUES else name for name, value in attrs if _matters(name))
        self.found.add((*self.within[-1], tag, classes, *states))
        if tag not in VOID:
            self.within.append((tag, classes))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.within.pop()

    def handle_endtag(self, tag: str) -> None:
        places = [place for place, (name, _) in enumerate(self.within) if name == tag]
        if places:
            del self.within[places[-1] :]


def _matters(name: str) -> bool:
    return name in STATES or name in VALUES or name.startswith(("aria-", "data-"))


def kinds(html: str) -> frozenset[Kind]:
    parser = _Kinds()
    parser.feed(html)
    return frozenset(parser.found)


def fewest(sets: Mapping[Key, Collection[object]]) -> list[Key]:
    """Keys whose sets together have what all have: each next one has the most of what is missing. A tie: the first."""
    missing = set().union(*sets.values())
    chosen: list[Key] = []
    while missing:
        best = max(sets, key=lambda key: len(missing.intersection(sets[key])))
        chosen.append(best)
        missing.difference_update(sets[best])
    return chosen
