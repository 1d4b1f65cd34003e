"""What a page shows, to take along by `?format=`: JSON, CSV for a spreadsheet, Markdown for slides.

A table's rows are dictionaries of text, numbers and lists of text; what is not known is left out of JSON.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """`columns`: the key of a row and what stands above it. `on_slides`: the keys that fit onto one."""

    heading: str
    columns: dict[str, str]
    rows: list[Row]
    on_slides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Export:
    """`name` names the file, `path` is the page. `points` are one line each; `data` is what JSON adds to the rows."""

    name: str
    title: str
    path: str
    tables: list[Table]
    points: list[str] = field(default_factory=list)
    data: Row = field(default_factory=dict)


def answer(request: HttpRequest, made: Callable[[], Export]) -> HttpResponse | None:
    """The export that `?format=` asks for; None where it asks for none. A page calls it before it is rendered."""
    wanted = request.GET.get("format")
    if wanted is None:
        return None
    if wanted not in FORMATS:
        raise BadRequest(f"format: expected one of {', '.join(FORMATS)}, found {wanted[:40]!r}.")
    return FORMATS[wanted](made())


def _json(export: Export) -> HttpResponse:
    rows = [{key: value for key, value in row.items() if value not in ("", None, [])} for row in _rows(export)]
    made = {"title": export.title, "source": settings.SITE_URL + export.path, **export.data, "rows": rows}
    return JsonResponse(made, json_dumps_params={"ensure_ascii": False})


def _csv(export: Export) -> HttpResponse:
    columns = export.tables[0].columns if export.tables else {}
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns.values())
    writer.writerows([inert(row.get(key)) for key in columns] for row in _rows(export))
    made = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    made["Content-Disposition"] = f'attachment; filename="{export.name}.csv"'
    return made


def _markdown(export: Export) -> HttpResponse:
    """A slide for each table, with a rule between slides, as most tools for slides read it."""
    lines = [f"# {_plain(export.title)}", "", *(f"- {_plain(point)}" for point in export.points)]
    if export.points:
        lines.append("")
    lines += [f"<{settings.SITE_URL}{export.path}>", ""]
    for table in export.tables:
        keys = table.on_slides or tuple(table.columns)
        lines += ["---", "", f"## {_plain(table.heading)}", ""]
        lines.append(_line(table.columns[key] for key in keys))
        lines.append(_line("---" for _ in keys))
        lines += [_line(_plain(_written(row.get(key))) for key in keys) for row in table.rows]
        lines.append("")
    return HttpResponse("\n".join(lines), content_type="text/markdown; charset=utf-8")


FORMATS: dict[str, Callable[[Export], HttpResponse]] = {"json": _json, "csv": _csv, "md": _markdown}


def _rows(export: Export) -> list[Row]:
    return [row for table in export.tables for row in table.rows]


def _written(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(str(one) for one in value)
    return "" if value is None else str(value)


def inert(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula gets an apostrophe before it, which makes it text."""
    if isinstance(value, int | float):
        return value
    text = _written(value)
    return "'" + text if re.match(r"[\s\x00-\x1f]*[=+\-@|%＝＋－＠]|[\t\r\n]", text) else text


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>|#~&])", r"\\\1", " ".join(text.split()))


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
