"""The measured effect of one strategy as rows and as plain text, 72 columns wide, for an answer on a mailing list."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from catalog.documents.schema import StrategyText
from catalog.measured.overview import Summary
from catalog.measured.side_by_side import Pair
from catalog.measured.ways_out import effect, tried
from catalog.measured.ways_out.tried import Tried

COLUMNS = 72
_WORD = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""")


@dataclass(frozen=True)
class Row:
    """One case by one mover on one pair of builds. `base` and `applied`: outcomes with runs; `effect`: its label."""

    kernel: str
    case: str
    mover: str
    base: str
    applied: str
    effect: str
    p: float | None


def rows(found: Iterable[Tried]) -> list[Row]:
    """What was measured on both sides, in the order of the strategy's text. One side alone makes no row."""
    return [_row(one, pair) for one in found for pair in one.pairs if pair.a and pair.b]


def _row(one: Tried, pair: Pair) -> Row:
    assert pair.a is not None and pair.b is not None
    kernels = dict.fromkeys((str(pair.a.build), str(pair.b.build)))
    label = effect.word(effect.of(pair)).label
    kernel = " -> ".join(kernels) + f", {pair.b.architecture}, {pair.b.environment.label}"
    return Row(kernel, one.case_slug, pair.b.mover.label, _runs(pair.a), _runs(pair.b), label, pair.p)


def _runs(side: Summary) -> str:
    """'hangs 5/5', or '4 hangs, 1 moves'."""
    return f"{side.said} {side.conclusive}/{side.runs}"


def tested_by(text: StrategyText, found: list[Tried]) -> str:
    """Everything that somebody needs who puts the result into a mail: what, on which kernels, the command, where."""
    address = f"{settings.SITE_URL}/strategies/{text.slug}/"
    parts = [_wrapped(text.title), address]
    made = rows(found)
    if not made:
        return "\n".join([*parts, "", "Claimed, not measured."]) + "\n"
    for kernel in dict.fromkeys(row.kernel for row in made):
        parts += ["", _wrapped(kernel), *_table([row for row in made if row.kernel == kernel])]
    parts += ["", *_wrapped_all(_notes(found))]
    for trial in text.trials:
        parts += ["", _command(tried.command(trial))]
    return "\n".join(parts) + "\n"


def _notes(found: list[Tried]) -> list[str]:
    seen = max(at for one in found if (at := one.last_seen_at))
    return [f"Conclusive runs of all runs; p of Fisher's exact test. Last run on {seen:%Y-%m-%d}."]


def _table(rows_: list[Row]) -> list[str]:
    lines = [f"  {'case, mover':<20}{'base':<18}{'applied':<18}effect"]
    case = ""
    for row in rows_:
        if row.case != case:
            case = row.case
            lines.append(f"  {case}")
        p = "" if row.p is None else f", p={row.p:.2g}"
        cells = [row.mover, row.base, row.applied, row.effect + p]
        wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, (17, 17, 17, 14), strict=True)]
        for at in range(max(map(len, wrapped))):
            line = [cell[at] if at < len(cell) else "" for cell in wrapped]
            lines.append(f"    {line[0]:<18}{line[1]:<18}{line[2]:<18}{line[3]}".rstrip())
    return lines


def _wrapped(text: str) -> str:
    return textwrap.fill(text, COLUMNS)


def _wrapped_all(texts: Iterable[str]) -> list[str]:
    return [_wrapped(text) for text in texts]


def _command(text: str) -> str:
    """Broken between words, and in none that is quoted, so that it can be pasted into a shell."""
    lines = [""]
    for word in _WORD.findall(text):
        if lines[-1] and len(lines[-1]) + len(word) + 1 > COLUMNS - 8:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return " \\\n".join(("    " if at == 0 else "      ") + line for at, line in enumerate(lines))
