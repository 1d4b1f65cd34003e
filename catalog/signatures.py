"""How today's cases are recognised, as `diagnosis` takes them."""

from __future__ import annotations

from catalog import document
from catalog.facts import CaseText, Sign
from catalog.models import Case
from diagnosis import match


def signatures() -> list[match.Signature]:
    """One for each case, drafts too: evidence may wait on a draft, seen by nobody but editors. One query."""
    texts = Case.objects.order_by("slug").values_list("document__current__text", flat=True)
    return [signature_of(parsed) for parsed in map(document.parse, texts) if isinstance(parsed, CaseText)]


def signature_of(case: CaseText) -> match.Signature:
    """A case's signature. Where it names no mechanisms, a case may be the holder wherever its own one is proved."""
    said = case.signature
    own = (case.mechanism,) if case.kind == "case" else ()
    return match.Signature(
        case=case.case,
        names=frozenset([case.case, *case.aliases, *said.names]),
        title=case.title,
        kind=case.kind,
        mechanisms=said.mechanisms or own,
        needs=said.needs,
        proves=_signs(said.proves),
        supports=_signs(said.supports),
        contradicts=_signs(said.contradicts),
        tell=tuple(match.Tell(tell.run, tell.tells) for tell in said.tell),
    )


def _signs(signs: tuple[Sign, ...]) -> tuple[match.Sign, ...]:
    return tuple(match.Sign(sign.marks, sign.why) for sign in signs)
