"""The runs of a report as one table: what is equal in all of them is said once above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from catalog.templatetags.shown import seconds
from diagnosis.formats.envelope import Run
from diagnosis.words.vocabulary import HOLDERS, MOVERS, look_up, look_up_area

Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Runs(Generic[Shown]):
    """`common` and `columns` are labels; each row has label and text of each column, '' where a run does not say."""

    common: dict[str, str]
    columns: tuple[str, ...]
    rows: list[tuple[Shown, list[tuple[str, str]]]]


def table(shown: Sequence[Shown], runs: Sequence[Run]) -> Runs[Shown]:
    """`shown` is what goes with each of `runs`. One run alone has nothing in common with others: it is a row."""
    said = [_said(run.sent) for run in runs]
    labels = list(dict.fromkeys(label for one in said for label in one))
    values = {label: [one.get(label, "") for one in said] for label in labels}
    common = {label: texts[0] for label, texts in values.items() if len(texts) > 1 and len(set(texts)) == 1}
    columns = tuple(label for label in labels if label not in common)
    rows = [(one, [(label, values[label][n]) for label in columns]) for n, one in enumerate(shown)]
    return Runs(common, columns, rows)


def _said(sent: Any) -> dict[str, str]:
    """What a run says in short, by label; what it does not say is left out."""
    mover = " ".join(filter(None, (look_up(MOVERS, sent["mover"]).label, sent.get("migrate_mode"))))
    told = {
        "Mover": mover,
        "Area": look_up_area(sent["area"]).label if sent.get("area") else "",
        "Holder": look_up(HOLDERS, sent["holder"]).label if sent.get("holder") else "",
        "Control": _control(sent.get("control")),
        "Target": _target(sent.get("target")),
        "The mover": _attempt(sent.get("attempt")),
        "Operation": _operation(sent.get("operation")),
        "Freed": f"{seconds(sent['freed_seconds'])} after the release" if sent.get("freed_seconds") is not None else "",
        "Why": sent.get("reason", ""),
    }
    return {label: text for label, text in told.items() if text}


def _control(control: Any) -> str:
    return f"{control['nr_moved']} of {control['nr_pages']} pages moved" if control else ""


def _target(target: Any) -> str:
    if not target:
        return ""
    parts = [f"{target['nr_moved_while_held']} of {target['nr_pages']} pages moved while held"]
    if target.get("nr_moved_by_hold") is not None:
        parts.append(f"{target['nr_moved_by_hold']} by the hold itself")
    if target.get("nr_moved_after_release") is not None:
        parts.append(f"{target['nr_moved_after_release']} after the release")
    return ", ".join(parts)


def _attempt(attempt: Any) -> str:
    if not attempt:
        return ""
    if not attempt["returned"]:
        return "did not come back while held"
    took = attempt.get("seconds")
    return "came back" if took is None else f"came back after {seconds(took)}"


def _operation(operation: Any) -> str:
    if not operation:
        return ""
    times = {"before": "before", "while_held": "while held", "after_release": "after the release"}
    said = [
        f"{'worked' if operation[name] else 'did not work'} {when}"
        for name, when in times.items()
        if operation.get(name) is not None
    ]
    return f"{operation['name']}: {', '.join(said)}" if said else operation["name"]
