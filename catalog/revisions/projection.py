"""Text to columns. Everything written here can be thrown away and made again from the current revision."""

from __future__ import annotations

from catalog.documents.schema import CaseText, DocumentText, StrategyText, subsystem_slug
from catalog.models import Alias, Case, Claim, Document, Effect, Link, Serving, Strategy, Subsystem
from catalog.models.text import State
from catalog.search import index


def project(document: Document, parsed: DocumentText) -> None:
    """Rewrites the columns of `document` from its parsed text. Call it in a transaction."""
    if isinstance(parsed, CaseText):
        _case(document, parsed)
    else:
        _strategy(document, parsed)
    document.links.all().delete()
    Link.objects.bulk_create(
        Link(document=document, kind=link.kind, ref=link.ref, title=link.title) for link in parsed.links
    )
    index.index_document(document, parsed)


def _case(document: Document, parsed: CaseText) -> None:
    case, _ = Case.objects.update_or_create(
        document=document,
        defaults={
            "slug": parsed.case,
            "title": parsed.title,
            "short": parsed.short or "",
            "summary": parsed.summary,
            "kind": parsed.kind,
            "status": parsed.status,
            "parent_slug": parsed.parent or "",
            "mechanism": parsed.mechanism,
            "mechanisms": [parsed.mechanism, *parsed.beside],
            "controllers": list(parsed.controllers),
            "time_bound": parsed.bounds.time,
            "areas": list(parsed.areas),
            "test_names": list(parsed.signature.names),
            "probe": parsed.probe or "",
        },
    )
    names = [parsed.case, *(parsed.aliases if document.owns_names else ())]
    case.aliases.exclude(slug__in=names).delete()
    present = set(case.aliases.values_list("slug", flat=True))
    Alias.objects.bulk_create(Alias(slug=name, case=case) for name in names if name not in present)
    case.effects.all().delete()
    Effect.objects.bulk_create(
        Effect(case=case, effect=e.effect, manner=e.manner, standing=e.standing) for e in parsed.effects
    )
    case.claims.all().delete()
    Claim.objects.bulk_create(Claim(case=case, key=c.id, text=c.text, standing=c.standing) for c in parsed.claims)
    case.subsystems.set([_subsystem(name) for name in sorted(parsed.subsystems)])
    case.servings.exclude(case_slug__in=names).update(case=None)
    Serving.objects.filter(case_slug__in=names).update(case=case)
    if document.state == State.DRAFT:
        index.index_strategies_of(document)


def _subsystem(name: str) -> Subsystem:
    return Subsystem.objects.get_or_create(slug=subsystem_slug(name), defaults={"name": name})[0]


def _strategy(document: Document, parsed: StrategyText) -> None:
    strategy, _ = Strategy.objects.update_or_create(
        document=document,
        defaults={
            "slug": parsed.strategy,
            "title": parsed.title,
            "summary": parsed.summary,
            "approach": parsed.approach,
            "state": parsed.state.state,
            "version": parsed.state.version,
        },
    )
    cases = {alias.slug: alias.case for alias in Alias.objects.select_related("case")}
    strategy.servings.all().delete()
    Serving.objects.bulk_create(
        Serving(strategy=strategy, case_slug=s.case, case=cases.get(s.case), effect=s.effect, why=s.why)
        for s in parsed.cases
    )
