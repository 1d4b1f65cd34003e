"""A session as Markdown, to paste into a mail or a wiki. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from catalog.meetings.agenda import Item
from catalog.models import Meeting, Point


def markdown(site: str, meeting: Meeting | None, agenda: Iterable[tuple[Item, Point | None]]) -> str:
    lines = [f"# {meeting.title}, {meeting.held_on}" if meeting else "# For the session", ""]
    for n, (item, point) in enumerate(agenda, start=1):
        lines += _case(site, n, item)
        lines += _notes(point)
    return "\n".join(lines).rstrip("\n") + "\n"


def _case(site: str, n: int, item: Item) -> list[str]:
    lines = [f"## {n}. {_inline(item.case.title)}", "", f"<{site}{item.case.get_absolute_url()}>", ""]
    if item.reasons:
        lines += ["Why here: " + ", ".join(item.reasons) + ".", ""]
    for proposal in item.proposals:
        strategy = proposal.serving.strategy
        version = f" v{strategy.version}" if strategy.version else ""
        said = f"{proposal.serving.effect_word.label}, {strategy.state_word.label}{version}"
        lines.append(f"- [{_inline(strategy.title)}]({site}{strategy.get_absolute_url()}): {said}")
        if proposal.tried and proposal.is_measured:
            lines.append(f"  - Measured: {proposal.tried.word.label} ({_inline(proposal.tried.said)})")
        for objection in proposal.objections:
            by = f" ({_inline(objection.by)})" if objection.by else ""
            answered = "" if objection.answer else " Unanswered."
            lines.append(f"  - Objection{by}: {_inline(objection.text)}{answered}")
    lines += [""] if item.proposals else ["Nothing is proposed.", ""]
    return lines + (["Open question: " + _inline(item.question), ""] if item.question else [])


def _notes(point: Point | None) -> list[str]:
    notes = [("Decided", point.decided), ("Action", point.action), ("Who", point.who)] if point else []
    lines = [f"**{name}:** {_inline(text)}" for name, text in notes if text]
    return [line for one in lines for line in (one, "")]


def _inline(text: str) -> str:
    """On one line, so that nobody's words end a list or begin a heading."""
    return " ".join(text.split())
