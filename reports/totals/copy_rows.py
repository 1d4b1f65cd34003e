"""Rows of evidence and observations as they are written: with COPY, since bulk_create takes ten times as long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import CharField, Model
from psycopg.sql import SQL, Identifier

from diagnosis.matching.match import Match
from diagnosis.matching.observation import Observation as Said
from reports.models import Evidence, Observation, Report


class EvidenceRow(NamedTuple):
    """One row of evidence before it is written, in the order of the columns."""

    report_id: UUID
    key: str
    case_id: int
    rule: str
    reason: str
    build_id: int
    architecture: str
    mover: str
    area: str
    environment: str
    kind: str
    machine_id: int
    outcome: str
    freed_seconds: float | None
    worked_before: bool | None
    worked_while_held: bool | None
    worked_after: bool | None
    seen_at: datetime


OBSERVATION = (
    *("report_id", "key", "kind", "names", "build_id", "architecture", "mover", "migrate_mode", "area"),
    *("environment", "outcome", "freed_seconds", "fingerprint", "says", "marks", "beside", "is_matched"),
)


def of_observation(report: Report, said: Said, matches: list[Match], build_id: int) -> tuple[object, ...]:
    return (
        *(report.id, said.key, said.kind, fitting(Observation, "names", said.names), build_id, said.architecture),
        *(said.mover, said.migrate_mode, said.area, said.environment, said.outcome, said.freed_seconds),
        *(
            said.fingerprint,
            fitting(Observation, "says", said.says),
            [mark[:200] for mark in said.marks],
            said.beside or "{}",
            bool(matches),
        ),
    )


def of_evidence(report: Report, said: Said, match: Match, case_id: int, build_id: int) -> EvidenceRow:
    return EvidenceRow(
        report_id=report.id,
        key=said.key,
        case_id=case_id,
        rule=match.rule,
        reason=fitting(Evidence, "reason", match.reason),
        build_id=build_id,
        architecture=said.architecture,
        mover=said.mover,
        area=said.area,
        environment=said.environment,
        kind=said.kind,
        machine_id=report.machine_id,
        outcome=said.outcome,
        freed_seconds=said.freed_seconds,
        worked_before=said.worked_before,
        worked_while_held=said.worked_while_held,
        worked_after=said.worked_after,
        seen_at=seen_at(report, said),
    )


# A machine without a clock says 1970 or 2000; one whose clock is fast is not ahead of everybody else.
OLDEST = timedelta(days=3_653)


def seen_at(report: Report, said: Said) -> datetime:
    """When somebody saw it, as near as is known: when its sender says, if that was in the ten years before it came."""
    received_at = report.seen_at
    try:
        told = datetime.fromisoformat(said.seen_at)
        if told.tzinfo and received_at - OLDEST <= told <= received_at:
            return told
    except (ValueError, OverflowError):
        pass
    return received_at


def fitting(model: type[Model], column: str, sentence: str) -> str:
    """A sentence that quotes what was sent, cut to what the column holds: COPY refuses a longer one, and its report."""
    field = model._meta.get_field(column)
    most = field.max_length if isinstance(field, CharField) else None
    if most is None:
        raise TypeError(f"{column} has no most length")
    return sentence if len(sentence) <= most else sentence[: most - 1] + "…"


def copy(model: type[Model], columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    into = SQL("COPY {} ({}) FROM STDIN").format(
        Identifier(model._meta.db_table), SQL(", ").join(map(Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            copy.write_row(row)
