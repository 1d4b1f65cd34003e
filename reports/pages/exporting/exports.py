"""Everything public, to take along: NDJSON, CSV, and KCIDB issues and incidents. Streamed, so of any length."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from catalog.models import Document, Tally
from catalog.revisions import review
from catalog.search import index
from catalog.text.export_formats import inert
from reports.intake import receipts
from reports.models import Report
from reports.pages.exporting import export_picks, kcidb_export
from reports.worker import filters
from rest.bounds import limits
from rest.document import times

CHUNK = 1_000
COLUMNS = (
    *("case", "report", "key", "rule", "release", "label", "architecture", "environment", "kind", "machine", "mover"),
    *("area", "outcome", "freed_seconds", "seen_at", "does_not_count"),
)
_ANYBODY = AnonymousUser()


def documents(request: HttpRequest) -> HttpResponseBase:
    """Cases and strategies: the text that is the truth of each, with its revision."""
    export_picks.read(request)
    rows = Document.objects.visible_to(_ANYBODY).select_related("current").order_by("kind", "slug")
    hidden = index.hidden_names()
    told = ({"kind": row.kind, "slug": row.slug, **_text(row, hidden)} for row in rows.iterator(CHUNK))
    return _tagged(_lines(request, told), request, rows)


def evidence(request: HttpRequest) -> HttpResponseBase:
    rows = _evidence(request)
    return _tagged(_lines(request, (receipts.evidence(row) for row in _whole(rows))), request, rows)


def reports(request: HttpRequest) -> HttpResponseBase:
    """The ledger, oldest first: that it came, from whom, how large, and what became of it."""
    rows = export_picks.reports(export_picks.read(request, *filters.NAMES), _ANYBODY)
    ordered = rows.select_related("machine").order_by("received_at", "id")
    return _tagged(_lines(request, (_report(row) for row in ordered.iterator(CHUNK))), request, rows)


def tallies(request: HttpRequest) -> HttpResponseBase:
    export_picks.read(request)
    rows = Tally.objects.visible_to(_ANYBODY)
    ordered = rows.select_related("case", "build", "machine").order_by("pk")
    return _tagged(_lines(request, (_tally(row) for row in ordered.iterator(CHUNK))), request, rows)


def evidence_csv(request: HttpRequest) -> HttpResponseBase:
    """The same evidence as a table. A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    writer, found = csv.writer(_Echo()), _evidence(request)

    def rows() -> Iterator[str]:
        yield writer.writerow(COLUMNS)
        for row in _whole(found):
            told = receipts.evidence(row)
            told.update(told.pop("kernel"))
            yield writer.writerow([_cell(told.get(name, "")) for name in COLUMNS])

    return _tagged(_stream(request, rows(), "text/csv; charset=utf-8", "evidence.csv"), request, found)


def kcidb(request: HttpRequest) -> HttpResponseBase:
    """KCIDB 5.3: see kcidb_export."""
    found = _evidence(request)
    parts = kcidb_export.parts(found)
    return _tagged(_stream(request, parts, "application/vnd.kcidb+json", "unmigratable.kcidb.json"), request, found)


def _evidence(request: HttpRequest) -> Any:
    return export_picks.evidence(export_picks.read(request, *export_picks.OF_EVIDENCE), _ANYBODY)


def _whole(rows: Any) -> Any:
    return rows.select_related("build", "machine", "case__document__current", "report").order_by("pk").iterator(CHUNK)


def _text(row: Document, hidden: frozenset[str]) -> dict[str, Any]:
    """Without the text where it names a draft, as its own address in the API has it."""
    assert row.current is not None
    row.current.document = row
    told = {"revision": row.current.n}
    return {**told, "text": row.current.text} if review.tells_nothing_of(hidden, row.current) else told


def _report(row: Report) -> dict[str, Any]:
    """As the API lists it, without what belongs to this site's addresses."""
    return receipts.ReportTold(**receipts.told(row)).model_dump(exclude_none=True, exclude={"url", "page"})


def _tally(row: Tally) -> dict[str, Any]:
    kernel = {"release": row.build.release, "architecture": row.architecture}
    if row.build.label:
        kernel["label"] = row.build.label
    return {
        "case": row.case.slug,
        "kernel": kernel,
        "mover": row.mover,
        "area": row.area,
        "kind": row.kind,
        "environment": row.environment,
        "machine": row.machine.name,
        "outcome": row.outcome,
        "runs": row.runs,
        "last_seen_at": row.last_seen_at,
        "histogram": row.histogram,
    }


class _Echo:
    """For csv: what is written is the value."""

    def write(self, text: str) -> str:
        return text


def _cell(value: Any) -> Any:
    return inert(times.written(value) if isinstance(value, datetime) else value)


def _json(value: Any) -> str:
    return json.dumps(value, cls=times.Encoder, ensure_ascii=False)


def _lines(request: HttpRequest, values: Iterable[Any]) -> HttpResponseBase:
    return _stream(request, (_line(value) + "\n" for value in values), "application/x-ndjson", "")


def _line(value: Any) -> str:
    """Many programs break lines at these three too, and would find half of an object."""
    return _json(value).replace("\x85", "\\u0085").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _stream(request: HttpRequest, parts: Iterable[str], kind: str, name: str) -> HttpResponseBase:
    limits.spend(request, "export")
    answer = StreamingHttpResponse(parts, content_type=kind)
    if name:
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _tagged(answer: HttpResponseBase, request: HttpRequest, rows: Any) -> HttpResponseBase:
    answer["ETag"] = export_picks.tag_of(request, rows)
    return answer


VIEWS: dict[str, Callable[[HttpRequest], HttpResponseBase]] = {
    "documents.ndjson": documents,
    "evidence.ndjson": evidence,
    "evidence.csv": evidence_csv,
    "reports.ndjson": reports,
    "tallies.ndjson": tallies,
    "kcidb.json": kcidb,
}
