"""In forced colours, where the system has two or three of them: every two marks of one legend still look different."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Page

from tests import builders
from tests.browsing import IN_A_BROWSER
from tests.catalog.test_drawings import TREES
from tests.catalog.test_measured import tally

pytestmark = IN_A_BROWSER
BIG = 3  # pixels of the screen to one of the page: a small mark has enough of them to be told from another
MOST_ALIKE = 20  # pixels of these that may differ by the smoothing of edges


@pytest.fixture
def measured() -> None:
    effects = [
        {"effect": effect, "manner": "sleeps_in_d", "standing": standing}
        for effect, standing in (("hotunplug", "measured"), ("compaction", "reported"), ("numa_move", "reasoned"))
    ]
    case = builders.case(trees=TREES, effects=effects)
    tally(case, "6.12.95", "moves", runs=3, mover="offline")
    tally(case, "7.3.4", "hangs", runs=4, mover="offline")
    tally(case, "7.2.13", "hangs", runs=2, mover="offline")
    tally(case, "7.2.13", "moves", runs=2, mover="offline")
    builders.strategy("posted", (case.slug,), states=[{"state": "posted"}])


# Between two pixels the same mark looks different from what it does on them.
ON_WHOLE_PIXELS = """one => {
    const { x, y } = one.getBoundingClientRect()
    Object.assign(one.style, { position: "relative", left: `${Math.round(x) - x}px`, top: `${Math.round(y) - y}px` })
}"""


def looks(page: Page, selector: str) -> list[Image.Image]:
    """Each element alone on the page's ground, in black and white, from its upper left corner."""
    made = []
    for one in page.locator(selector).all():
        one.evaluate(ON_WHOLE_PIXELS)
        picture = Image.open(io.BytesIO(one.screenshot())).convert("L")
        made.append(picture.point(lambda value: 255 if value > 127 else 0))
    return made


def nr_differing(one: Image.Image, other: Image.Image) -> int:
    size = max(one.width, other.width), max(one.height, other.height)
    sheets = []
    for picture in (one, other):
        sheet = Image.new("L", size, 255)
        sheet.paste(picture, (0, 0))
        sheets.append(sheet)
    return sum(ImageChops.difference(*sheets).histogram()[1:])


@pytest.mark.parametrize(
    ("path", "selector", "number"),
    [
        ("/kernels/", "#lifelines figcaption .key svg", 10),
        ("/cases/fuse-writeback/", "#kernels figcaption .key svg", 6),
        ("/", ".legend .fx", 3),
        ("/strategies/", "table.pipeline .way", 1),
    ],
)
def test_every_two_marks_of_a_legend_differ(
    visit: Callable[..., Page], measured: None, path: str, selector: str, number: int
) -> None:
    page = visit(path, viewport={"width": 1280, "height": 900}, forced_colors="active", device_scale_factor=BIG)
    seen = looks(page, selector)
    assert len(seen) >= number
    blank = [n for n, one in enumerate(seen) if nr_differing(one, Image.new("L", one.size, 255)) <= MOST_ALIKE]
    assert not blank, "nothing is seen of it"
    alike = [pair for pair in combinations(range(len(seen)), 2) if nr_differing(*(seen[n] for n in pair)) <= MOST_ALIKE]
    assert not alike


def test_a_lost_mark_is_noticed(visit: Callable[..., Page], measured: None) -> None:
    """The same look at a page whose rules for forced colours are gone."""
    page = visit("/kernels/", viewport={"width": 1280, "height": 900}, forced_colors="active", device_scale_factor=BIG)
    rule = "#lifelines .seen { fill: CanvasText !important; stroke: CanvasText !important }"
    sheet: Any = page.evaluate_handle(
        "() => { const sheet = new CSSStyleSheet(); document.adoptedStyleSheets = [sheet]; return sheet }"
    )
    sheet.evaluate("(sheet, rule) => sheet.replaceSync(rule)", rule)
    held, moves = looks(page, "#lifelines figcaption .key svg:has(.seen:not(.mixed))")
    assert nr_differing(held, moves) <= MOST_ALIKE
