"""The links of a document: where each stands, what is malformed about it, and whether it still leads anywhere."""

from __future__ import annotations

import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from markdown_it import MarkdownIt

from catalog.documents.parser import Problem, head_and_body, parse
from catalog.documents.schema import CaseText, Link

SCHEMES = ("https://", "http://", "mailto:", "#")
AGENT = "unmigratable-check-cases/1 (checks the links of a catalog of kernel memory cases)"
AT_ONCE = 4


@dataclass(frozen=True)
class FoundLink:
    line: int
    field: str
    url: str


def malformed(text: str) -> list[Problem]:
    """Links in the prose of a good document that lead nowhere by the look of them. Those of the head `parse` checks."""
    return [
        Problem(place.line, "", f"expected a link to begin with https://, found {place.url!r}")
        for place in _in_prose(text)
        if not place.url.startswith(SCHEMES)
    ]


def of(text: str) -> list[FoundLink]:
    """Every address on the web that a good document names, in the order of its lines."""
    parsed = parse(text)
    named: list[tuple[str, Link]] = [("links", link) for link in parsed.links]
    if isinstance(parsed, CaseText):
        said: list[tuple[Link | None, Link | None]] = [(claim.source, claim.answer_source) for claim in parsed.claims]
    else:
        said = [(objection.source, objection.answer_source) for objection in parsed.objections]
        named += [("states", state.source) for state in parsed.states if state.source]
    named += [("source", link) for pair in said for link in pair if link]
    head = [FoundLink(_line(text, link), field, link.url) for field, link in named if link.url]
    prose = [place for place in _in_prose(text) if place.url.startswith("http")]
    return sorted(head + prose, key=lambda place: place.line)


def _line(text: str, link: Link) -> int:
    """The first line that names it. Named twice, it is dead in both places."""
    return text[: max(text.find(link.ref), 0)].count("\n") + 1


def _in_prose(text: str) -> Iterator[FoundLink]:
    _, body, first = head_and_body(text)
    lines = body.split("\n")
    for block in MarkdownIt("commonmark").parse(body):
        start, end = block.map or (0, 0)
        for child in block.children or ():
            if child.type == "link_open":
                url = str(child.attrs.get("href", ""))
                line = next((n for n in range(start, end) if url in lines[n]), start)
                yield FoundLink(line + first, "", url)


@dataclass(frozen=True)
class Tried:
    place: FoundLink
    is_dead: bool
    """False where the server only would not tell: it refused us, was busy, or took too long."""
    what: str


def tried(places: Iterable[FoundLink], seconds: float = 20) -> Iterator[Tried]:
    """Fetches each address once, and tells of those that did not answer with a page, dead or doubtful."""
    by_url: dict[str, list[FoundLink]] = {}
    for place in places:
        by_url.setdefault(place.url.partition("#")[0], []).append(place)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for url, found in zip(by_url, pool.map(lambda url: _try(url, seconds), by_url), strict=True):
            if found is not None:
                yield from (Tried(place, *found) for place in by_url[url])


def _try(url: str, seconds: float) -> tuple[bool, str] | None:
    request = urllib.request.Request(url, headers={"User-Agent": AGENT})  # noqa: S310 - https, checked when parsed
    try:
        with urllib.request.urlopen(request, timeout=seconds):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:
        return error.code in (404, 410), f"{error.code} {error.reason}"
    except TimeoutError:
        return False, f"no answer within {seconds:g} s"
    except urllib.error.URLError as error:
        why = error.reason
        if isinstance(why, TimeoutError):
            return False, f"no answer within {seconds:g} s"
        return not (isinstance(why, socket.gaierror) and why.errno == socket.EAI_AGAIN), str(why)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return False, str(error) or type(error).__name__
