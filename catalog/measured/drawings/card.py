"""The picture of a case for previews elsewhere: its name, its status, who can cause it, and its lifeline; a PNG.

Pillow draws it with the font that it brings, so that no font of the machine is needed. What it costs is bounded, since
a lifeline is. Colours are those of the light tokens in static/css/tokens.css.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from catalog.measured.drawings.lifeline import LEFT, RIGHT, WIDTH, Lifeline

SIZE = (1200, 630)
MARGIN = 70
PAPER, INK, MUTED, LINE = "#faf9f5", "#1a1c1e", "#565c63", "#e0ddd4"
HELD, MOVES = "#a93509", "#08644c"
COLOURS = {"present": HELD, "partly": HELD, "absent": MOVES, "unknown": LINE}
BAND, ROWS, ROW = 400, 470, 30
MOST_ROWS = 4


def card(name: str, facts: Sequence[str], life: Lifeline | None) -> bytes:
    image = Image.new("RGB", SIZE, PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 14, SIZE[1]), fill=HELD)
    draw.text((MARGIN, 56), "unmigratable", font=_font(30), fill=MUTED)
    y = 112
    for line in _lines(name, 62, SIZE[0] - 2 * MARGIN)[:2]:
        draw.text((MARGIN, y), line, font=_font(62), fill=INK)
        y += 74
    draw.text((MARGIN, y + 12), _cut(" · ".join(facts), 32, SIZE[0] - 2 * MARGIN), font=_font(32), fill=HELD)
    if life:
        _life(draw, life)
    made = io.BytesIO()
    image.quantize(64).save(made, "PNG", optimize=True)
    return made.getvalue()


def _life(draw: ImageDraw.ImageDraw, life: Lifeline) -> None:
    for column in life.columns:
        width = 14 if column.state == "present" else 5
        draw.line((_x(column.x1) + 4, BAND, _x(column.x2) - 4, BAND), fill=COLOURS[column.state], width=width)
        draw.text((_x(column.x), BAND + 18), column.line, font=_font(26), fill=INK, anchor="mt")
    for event in life.events[:2]:
        colour = HELD if event.change == "introduced" else MOVES
        draw.line((_x(event.x), BAND - 26, _x(event.x), BAND + 12), fill=colour, width=4)
        anchor, nudge = ("rb", -8) if event.x > WIDTH * 0.6 else ("lb", 8)
        said = f"{event.change} in {event.release}"
        draw.text((_x(event.x) + nudge, BAND - 20), said, font=_font(26), fill=colour, anchor=anchor)
    for n, row in enumerate(life.rows[:MOST_ROWS]):
        y = ROWS + n * ROW
        draw.text((MARGIN, y), row.mover.label, font=_font(24), fill=MUTED, anchor="lm")
        for mark in row.marks:
            colour = MOVES if mark.seen.verdict == "moves" else HELD
            fill = HELD if mark.seen.verdict == "held" else PAPER
            x = _x(mark.x)
            draw.ellipse((x - 9, y - 9, x + 9, y + 9), outline=colour, width=4, fill=fill)
            if mark.seen.verdict == "mixed":
                draw.pieslice((x - 9, y - 9, x + 9, y + 9), 90, 270, fill=HELD)


def _x(x: int) -> int:
    """From the lifeline's own width to that of the picture."""
    left = MARGIN + 150
    return left + round((x - LEFT) * (SIZE[0] - MARGIN - left) / (WIDTH - LEFT - RIGHT))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _lines(text: str, size: int, width: int) -> list[str]:
    made = [""]
    for word in text.split():
        longer = f"{made[-1]} {word}".strip()
        if made[-1] and _font(size).getlength(longer) > width:
            made.append(_cut(word, size, width))
        else:
            made[-1] = _cut(longer, size, width)
    return made


def _cut(text: str, size: int, width: int) -> str:
    while text and _font(size).getlength(text) > width:
        text = text[: -2 if text.endswith("…") else -1].rstrip() + "…"
    return text
