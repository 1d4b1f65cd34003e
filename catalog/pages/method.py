"""`/method/`: what the numbers mean, for readers. The document itself, in sections that one can link to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify


@dataclass(frozen=True)
class Section:
    """`slug` is what comes after # in its address."""

    slug: str
    heading: str
    text: str


def sections(document: str) -> tuple[str, list[Section]]:
    """The title of a document in CommonMark, and what stands below each heading of the second level."""
    title, *parts = document.split("\n## ")
    made = [part.partition("\n") for part in parts]
    return title.lstrip("# ").strip(), [Section(slugify(heading), heading, text) for heading, _, text in made]


TITLE, SECTIONS = sections((Path(__file__).parents[2] / "docs" / "method.md").read_text(encoding="utf-8"))


def method(request: HttpRequest) -> HttpResponse:
    return render(request, "catalog/method.html", {"title": TITLE, "sections": SECTIONS})
