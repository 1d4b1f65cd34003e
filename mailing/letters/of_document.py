"""A case or a strategy as one mail to a list of the kernel's: what it is, what was measured, what is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.message import EmailMessage
from email.policy import SMTP

from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from catalog.documents.current import case_text, strategy_text
from catalog.measured import overview
from catalog.measured.overview import Summary
from catalog.models import Case, Document, Total
from catalog.pages.case_page import cc
from mailing.letters import plain
from mailing.letters.telling import host

_POLICY = SMTP.clone(linesep="\n", max_line_length=200, cte_type="8bit")
_KERNEL, _WHERE, _CELL, _A_BLOCK = 26, 15, 7, 4
MOST_ROWS = 60  # of kernels: the newest
_LEFT_OUT = ("Reproduce it",)


def mbox(document: Document) -> str:
    """For `git send-email` and `mutt -H`: without a From, which is whoever sends it."""
    message = EmailMessage(policy=_POLICY)
    about = document.case if document.kind == "case" else document.strategy
    cases = _cases(document)
    message["Subject"] = plain.one_line(f"unmigratable memory: {about.title}", 120)
    message["Message-ID"] = f"<{message_id(document)}>"
    message["To"] = settings.MAIL_LIST
    subsystems = sorted({one.slug for case in cases for one in case.subsystems.all()})
    found = cc.of(subsystems)
    lists = [one for one in (found.lists if found else ()) if one != settings.MAIL_LIST]
    if lists:
        message["Cc"] = ", ".join(lists)
    message.set_content(_text(document, cases) + "\n", charset="utf-8", cte="8bit")
    escaped = re.sub(r"(?m)^(>*From )", r">\1", message.as_bytes().decode())
    return f"From unmigratable Thu Jan  1 00:00:00 1970\n{escaped}\n"


def message_id(document: Document) -> str:
    """The same for the same text and the same evidence, so that its answers can be found by it."""
    totals = Total.objects.filter(case__in=_cases(document))
    seen = totals.order_by("-last_seen_at").values_list("last_seen_at", flat=True).first()
    number = document.current.n if document.current else 0
    return f"{document.kind}-{document.slug}.r{number}.{f'{seen:%Y%m%d%H%M}' if seen else 'unmeasured'}@{host()}"


def _cases(document: Document) -> list[Case]:
    """Those that everybody sees: it goes to a public list, whoever sends it."""
    if document.kind == "case":
        return [document.case]
    visible = Case.objects.visible_to(AnonymousUser()).filter(servings__strategy=document.pk)
    return list(visible.distinct().order_by("slug").prefetch_related("subsystems"))


def _text(document: Document, cases: list[Case]) -> str:
    """What the page shows to everybody. A draft that the text names in its head is told of nowhere."""
    about = document.case if document.kind == "case" else document.strategy
    parts = [about.title]
    text = case_text(document) or strategy_text(document)
    if text is not None:
        parts.append(text.summary)
        for name, body in text.sections.items():
            if name not in _LEFT_OUT:
                parts.append(f"{name}\n{'-' * len(name)}\n\n{body}")
    made = [plain.wrapped(one) for one in parts]
    for one in cases:
        head = "Evidence" if document.kind == "case" else f"Evidence of {one.slug}"
        made.append(f"{head}\n{'-' * len(head)}\n\n{matrix(overview.summaries(one))}")
    here = f"{settings.SITE_URL}{document.get_absolute_url()}"
    made.append(
        plain.wrapped("How each run is counted, which machines sent it, and what contradicts it:") + f"\n{here}"
    )
    return "\n\n".join(made)


def matrix(summaries: list[Summary]) -> str:
    """Kernels by movers: in how many of the conclusive runs the folio was held. At 72 columns, in blocks of movers."""
    if not summaries:
        return "Nobody has measured it yet."
    movers = list(dict.fromkeys(_mover(one) for one in sorted(summaries, key=_mover)))
    places = list(dict.fromkeys(one.place for one in summaries))[:MOST_ROWS]
    cells: dict[tuple[tuple[str, str, str], str], list[int]] = {}
    for one in summaries:
        sums = cells.setdefault((one.place, _mover(one)), [0, 0])
        sums[0] += one.held
        sums[1] += one.conclusive
    blocks = [movers[n : n + _A_BLOCK] for n in range(0, len(movers), _A_BLOCK)]
    made = [plain.wrapped("Runs in which the folio was held, of conclusive runs; ? is a try that tells nothing.")]
    letters = {mover: _letter(n) for n, mover in enumerate(movers)}
    for block in blocks:
        made.append("\n".join(_block(block, places, cells, letters)))
    return "\n\n".join(made)


def _block(
    movers: list[str],
    places: Iterable[tuple[str, str, str]],
    cells: dict[tuple[tuple[str, str, str], str], list[int]],
    letters: dict[str, str],
) -> Iterator[str]:
    for mover in movers:
        yield from plain.wrapped(f"{letters[mover]}  {mover}").split("\n")
    yield ""
    yield ("kernel".ljust(_KERNEL) + "where".ljust(_WHERE) + "".join(letters[m].rjust(_CELL) for m in movers)).rstrip()
    for place in places:
        found = [cells.get((place, mover)) for mover in movers]
        if not any(found):
            continue
        kernel, architecture, environment = place
        head = plain.one_line(kernel, _KERNEL - 2).ljust(_KERNEL)
        head += plain.one_line(f"{architecture} {environment}", _WHERE - 1).ljust(_WHERE)
        yield (head + "".join(_cell(one).rjust(_CELL) for one in found)).rstrip()


def _cell(sums: list[int] | None) -> str:
    if sums is None:
        return "."
    return f"{sums[0]}/{sums[1]}" if sums[1] else "?"


def _mover(one: Summary) -> str:
    """Movers, areas and kinds are never pooled."""
    return f"{one.mover.label}, {one.area.label}" + (f", from a {one.kind}" if one.kind != "run" else "")


def _letter(n: int) -> str:
    return chr(ord("A") + n) if n < 26 else f"{chr(ord('A') + n // 26 - 1)}{chr(ord('A') + n % 26)}"
