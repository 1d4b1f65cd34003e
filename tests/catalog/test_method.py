"""What the numbers mean: one document, in sections that pages link to."""

from __future__ import annotations

import re
from pathlib import Path

from django.test import Client

from catalog.pages import method
from tests.pages import on_one_line

ROOT = Path(__file__).parents[2]


def test_every_heading_of_the_document_is_a_section_with_an_address() -> None:
    page = on_one_line(Client().get("/method/"))
    headings = re.findall("(?m)^## (.+)$", (ROOT / "docs" / "method.md").read_text())
    assert len(headings) >= 10
    for heading, slug in zip(headings, [section.slug for section in method.SECTIONS], strict=True):
        assert f'<a href="#{slug}">{heading}</a>' in page and f'<section id="{slug}"> <h2>{heading}</h2>' in page
    assert "<h3>" not in page and "##" not in page


def test_links_to_a_section_lead_to_one() -> None:
    templates = "".join(path.read_text() for path in (ROOT / "templates").rglob("*.html"))
    linked = set(re.findall(r'\{% url "method" %\}#([\w-]+)', templates))
    assert linked and linked <= {section.slug for section in method.SECTIONS}


def test_what_stands_below_a_heading_is_its_section() -> None:
    document = "# A title\n\n## One, two\n\nText.\n\n### Below\n\nMore.\n\n## Three\n\nEnd.\n"
    title, (first, second) = method.sections(document)
    assert title == "A title" and (first.slug, first.heading, second.slug) == ("one-two", "One, two", "three")
    assert "### Below" in first.text and second.text.strip() == "End."
