"""Plain text at 72 columns. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

COLUMNS = 72
MOST_QUOTED = 12  # lines of what is answered: the rest is a click away
_ITEM = re.compile(r"\s{0,8}(?:[-*+]|\d{1,3}[.)])\s+")
_AS_IT_IS = re.compile(r"(?: {4}|\t|\|)")


def wrapped(text: str, columns: int = COLUMNS) -> str:
    """CommonMark with its paragraphs, items and quotes wrapped. Code stays as it is, however long its lines are."""
    made: list[str] = []
    in_code = False
    for line in text.replace("\r\n", "\n").split("\n"):
        fence = line.lstrip().startswith("```")
        if fence or in_code or _AS_IT_IS.match(line):
            made.append(line.rstrip())
            in_code = in_code != fence
        else:
            made += _lines(line.rstrip(), columns)
    return "\n".join(made).strip("\n")


def _lines(line: str, columns: int) -> list[str]:
    quote = re.match(r"(?:> ?)*", line)
    prefix = quote[0][: columns // 2] if quote else ""
    rest = line[len(prefix) :]
    item = _ITEM.match(rest)
    after = " " * len(item[0]) if item else ""
    made = textwrap.wrap(
        rest,
        columns,
        initial_indent=prefix,
        subsequent_indent=prefix + after,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [one.rstrip() for one in made] or [prefix.rstrip()]


def quoted(text: str, most: int = MOST_QUOTED) -> str:
    """As a mail quotes what it answers."""
    lines = wrapped(text, COLUMNS - 2).split("\n")
    shown = lines if len(lines) <= most else [*lines[: most - 1], "[…]"]
    return "\n".join(f"> {line}".rstrip() for line in shown)


def indented(text: str, by: str, columns: int = COLUMNS) -> str:
    return "\n".join((by + line).rstrip() for line in wrapped(text, columns - len(by)).split("\n"))


def one_line(text: str, most: int) -> str:
    """Without line ends and controls: what stands in a header may come from anybody."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return words if len(words) <= most else words[: most - 1] + "…"


def sentence(headline: str) -> str:
    """Only its first letter changes: names of kernels and labels have capitals of their own."""
    return f"{headline[:1].upper()}{headline[1:]}."


def table(rows: list[tuple[str, ...]], columns: int = COLUMNS) -> Iterator[str]:
    """Cells in columns as wide as need be; the last one is wrapped below itself."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]) - 1)] if rows else []
    for row in rows:
        head = "".join(cell.ljust(width + 2) for cell, width in zip(row, widths, strict=False))
        rest = max(12, columns - len(head))
        lines = textwrap.wrap(row[-1], rest, break_long_words=False, break_on_hyphens=False) or [""]
        yield (head + lines[0]).rstrip()
        yield from (" " * len(head) + line for line in lines[1:])
