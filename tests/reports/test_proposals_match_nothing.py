"""What somebody proposes takes no part in matching: not before an editor took it over, nor once it was declined."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from catalog.documents import parser, signatures
from catalog.models import Alias, Case, Document, KernelBuild, Tally, Total
from catalog.models.text import Origin, State
from catalog.revisions import states, store
from diagnosis.matching.match import digest
from people.models import User
from reports.models import Evidence, Report
from reports.worker import ingest, unendorsed
from reports.worker.known_signatures import known_signatures
from tests import builders

pytestmark = pytest.mark.django_db

GREEDY = {"signature": {"names": ["fuse-writeback", "vmsplice-pipe"]}}


def proposed(slug: str = "greedy", by: User | None = None, **head: Any) -> Document:
    given = {"origin": Origin.SITE, "author": by, "new": True, "state": State.PROPOSED}
    return store.save(builders.case_text(slug, **{**GREEDY, **head}), **given).document


def cases_of(report: Report) -> list[str]:
    return list(Evidence.objects.filter(report=report).values_list("case__slug", flat=True))


def declined() -> Document:
    return states.move(proposed(), "decline", None, reason="no")


def hidden() -> Document:
    return states.move(declined(), "hide", None, reason="spam")


@pytest.mark.parametrize("make", [proposed, declined, hidden])
def test_a_proposal_takes_no_evidence_and_changes_no_digest(make: Any) -> None:
    builders.case()
    before = digest(known_signatures())
    document = make()
    assert digest(known_signatures()) == before
    assert cases_of(builders.settled()) == ["fuse-writeback"]
    report = builders.settled(builders.run("vmsplice-pipe"))
    assert cases_of(report) == [] and report.nr_unmatched == 1
    assert not Tally.objects.filter(case=document.pk).exists()


@pytest.mark.parametrize("act", ["accept", "publish"])
def test_taken_over_it_is_recognised_and_has_its_names(act: str) -> None:
    document = proposed(aliases=["another-name"]) if act == "accept" else hidden()
    assert Case.objects.named("another-name") is None
    states.move(document, act, builders.person(role="editor"))
    assert cases_of(builders.settled(builders.run("vmsplice-pipe"))) == ["greedy"]
    assert (Case.objects.named("another-name") is not None) is (act == "accept")


def test_a_draft_of_an_editor_is_recognised() -> None:
    given = {"origin": Origin.SITE, "author": builders.person(role="editor"), "new": True, "state": State.DRAFT}
    store.save(builders.case_text("greedy", **GREEDY), **given)
    assert cases_of(builders.settled(builders.run("vmsplice-pipe"))) == ["greedy"]


@pytest.fixture
def taken() -> Report:
    """Evidence of a proposal, as an earlier release attached it."""
    document = states.move(proposed(), "accept", None)
    builders.case()
    report = builders.settled()
    assert set(cases_of(report)) == {"fuse-writeback", "greedy"} and Total.objects.count() == 2
    Document.objects.filter(pk=document.pk).update(state=State.PROPOSED, endorsed=False)
    return report


def test_what_a_proposal_took_is_in_no_figure(taken: Report) -> None:
    for rows in (Evidence, Tally, Total):
        assert [row.case.slug for row in rows.objects.visible_to(None)] == ["fuse-writeback"]
    assert KernelBuild.objects.visible_to(None).count() == 1
    for address in ("/export/evidence.csv", "/export/tallies.ndjson", f"/api/v1/reports/{taken.pk}/"):
        assert b"greedy" not in b"".join(Client().get(address)), address


def test_what_a_proposal_took_is_released(taken: Report) -> None:
    assert unendorsed.unendorsed_again() == 1
    ingest.drain()
    assert cases_of(taken) == ["fuse-writeback"]
    assert [total.case.slug for total in Total.objects.all()] == ["fuse-writeback"]
    assert unendorsed.unendorsed_again() == 0


@pytest.mark.whole
def test_a_thousand_proposals_are_not_parsed_for_a_diagnosis() -> None:
    builders.case()
    signatures.signatures()
    documents = Document.objects.bulk_create(
        Document(kind="case", slug=f"p-{n}", state=State.PROPOSED, endorsed=False) for n in range(1_000)
    )
    for one in documents:
        text = builders.case_text(one.slug, **GREEDY)
        one.current = one.revisions.model(document=one, n=1, text=text, origin=Origin.SITE)
    Document._meta.get_field("current").related_model.objects.bulk_create(one.current for one in documents)
    Document.objects.bulk_update(documents, ["current"])
    Case.objects.bulk_create(
        Case(document=one, slug=one.slug, mechanisms=[], controllers=[], areas=[], test_names=[]) for one in documents
    )
    before = parser.parse.nr_read
    Client().post("/diagnose/", {"text": "INFO: task x:1 blocked for more than 122 seconds."})
    assert [one.case for one in signatures.signatures()] == ["fuse-writeback"]
    assert parser.parse.nr_read - before <= 1


def test_a_text_that_reads_no_longer_stops_no_other_case() -> None:
    builders.case()
    broken = builders.case("broken").document.current
    assert broken is not None
    broken.text = "---\nnothing"
    store.Revision.objects.filter(pk=broken.pk).update(text=broken.text)
    signatures._known.pop(broken.pk, None)
    assert [one.case for one in signatures.signatures()] == ["fuse-writeback"]


def test_proposals_of_before_lose_all_names_but_their_own() -> None:
    migration = import_module("catalog.migrations.0015_proposals_own_no_names")
    withdrawn = states.move(states.move(proposed("withdrawn"), "accept", None), "withdraw", None, reason="not yet")
    made = [proposed("waiting"), states.move(proposed("no"), "decline", None, reason="no"), hidden(), withdrawn]
    Document.objects.update(endorsed=True)
    Alias.objects.bulk_create(Alias(slug=f"also-{one.slug}", case_id=one.pk) for one in made)
    with connection.cursor() as cursor:
        cursor.execute(migration.FORWARD)
    kept = set(Document.objects.filter(endorsed=True).values_list("slug", flat=True))
    assert kept == {"withdrawn"}
    assert set(Alias.objects.filter(slug__startswith="also-").values_list("slug", flat=True)) == {"also-withdrawn"}
