"""A signature tried on what is stored, activated as a revision, and what it changes read again."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from catalog.models import Case, Revision
from people.models import Role, User
from reports.diagnose.views import samples
from reports.intake import inbox
from reports.intake.submission import Given, Sending
from reports.models import Evidence, Observation, Report
from reports.review import workbench
from reports.totals import check
from reports.worker import evidence, ingest
from tests import builders

pytestmark = pytest.mark.django_db

PROOF = 'signature: {"proves": [{"marks": ["frame:folio_wait_writeback"], "why": "Its mover waits for writeback."}]}'


def editor() -> Client:
    made = Client()
    made.force_login(builders.person(role=Role.EDITOR))
    return made


def log(name: str = "fuse-writeback-offline-7.3") -> Report:
    given = Given("7.3.4+deb13-amd64", "x86_64", "", "guest")
    sender = builders.Machine.objects.filter(name="box").first() or builders.machine()
    key = f"log-{Report.objects.count()}"
    report, _ = inbox.take(Sending(sender, samples()[name].encode(), "text/plain", key, given=given))
    ingest.drain()
    return report


def post(client: Client, case: Case, **sent: Any) -> Any:
    current = Case.objects.get(pk=case.pk).document.current
    assert current is not None
    return client.post(f"/cases/{case.slug}/signature/", {"block": PROOF, "base": current.n, **sent})


def test_a_trial_shows_what_would_newly_match_and_changes_nothing() -> None:
    case = builders.case()
    log()
    log("readahead-offline-6.12")
    trial = post(editor(), case, act="try").context["trial"]
    assert (trial.nr_tried, trial.nr_newly, trial.nr_no_longer) == (2, 1, 0)
    assert trial.newly[0].reason == "Its mover waits for writeback."
    assert not Evidence.objects.exists() and Revision.objects.count() == 1


def test_activated_it_is_a_revision_and_the_history_is_read_again() -> None:
    case, report = builders.case(), log()
    post(editor(), case, act="activate")
    assert Revision.objects.count() == 2 and workbench.being_read_again() == 1
    ingest.drain()
    row = Evidence.objects.get()
    assert (row.report, row.case, row.rule) == (report, case, "proved")
    assert workbench.being_read_again() == 0 and check.disagreements() == check.miscounts() == []


def test_a_proof_taken_out_takes_its_evidence_with_it() -> None:
    case = builders.case()
    log()
    client = editor()
    post(client, case, act="activate")
    ingest.drain()
    trial = post(client, case, block="", act="try").context["trial"]
    assert (trial.nr_newly, trial.nr_no_longer) == (0, 1)
    post(client, case, block="", act="activate")
    ingest.drain()
    assert not Evidence.objects.exists() and check.disagreements() == check.miscounts() == []


def test_what_goes_against_a_persons_verdict_is_named() -> None:
    case, client = builders.case(), editor()
    log()
    post(client, case, act="activate")
    ingest.drain()
    row, person = Evidence.objects.get(), builders.person("the-judge", Role.EDITOR)
    evidence.judge(row.report, row.key, case, person, stands=True, note="seen by hand")
    page = post(client, case, block="", act="try")
    assert page.context["trial"].conflicts and "seen by hand" in page.content.decode()


@pytest.mark.parametrize(
    "block", ["signature: {", 'signature: {"proofs": []}', "case: other", "title: x\nsignature: {}"]
)
def test_a_malformed_signature_names_the_line_and_changes_nothing(block: str) -> None:
    case = builders.case()
    for act in ("try", "activate"):
        page = post(editor(), case, block=block, act=act)
        assert page.status_code == 422 and "line " in page.content.decode()
    assert Revision.objects.count() == 1
    assert post(editor(), case, act="activate").status_code == 302


@pytest.mark.parametrize(
    ("block", "place"),
    [
        ("signature: {", "line 1: "),
        ("signature:\n  proves: [oops\n", "line 2: "),
        ("signature:\n  proofs: []\n  names: []", "line 2: "),
        ("signature: {}\nstatus: gone", "line 2: "),
    ],
)
def test_lines_are_counted_as_in_the_block(block: str, place: str) -> None:
    assert f"<li>{place}" in post(editor(), builders.case(), block=block, act="try").content.decode()


def test_of_two_editors_the_second_is_shown_the_firsts() -> None:
    case = builders.case()
    assert post(editor(), case, act="activate", base=1).status_code == 302
    other = PROOF.replace("Its mover", "Another mover")
    page = editor().post(f"/cases/{case.slug}/signature/", {"block": other, "act": "activate", "base": 1})
    assert "Its mover waits" in page.content.decode() and "Another mover" in page.content.decode()
    assert Revision.objects.count() == 2


@pytest.mark.parametrize("role", [None, Role.READER, Role.CONTRIBUTOR])
def test_only_editors(role: str | None) -> None:
    case, client = builders.case(), Client()
    if role:
        client.force_login(builders.person(role=role))
    assert client.get(f"/cases/{case.slug}/signature/").status_code == 403
    assert post(client, case, act="activate").status_code == 403
    assert editor().get(f"/cases/{case.slug}/signature/").status_code == 200


def test_the_block_is_taken_out_of_a_text_and_put_back() -> None:
    for path_case in ("fuse-writeback", "vmsplice-pipe"):
        text = builders.case_text(path_case, signature={"names": ["mm.migration"]})
        block = workbench.block_of(text)
        assert block.startswith("signature:") and workbench.with_block(text, block) == text
        assert workbench.block_of(workbench.with_block(text, "")) == ""


def test_a_group_is_promoted_to_a_draft_with_its_evidence_and_back() -> None:
    log("readahead-offline-6.12")
    fingerprint, client = Observation.objects.get().fingerprint, editor()
    said = {"title": "A lock that nobody lets go of", "mechanism": "page_lock", "controllers": ["kernel"]}
    assert client.post(f"/reports/unmatched/{fingerprint}/draft", said).status_code == 302
    ingest.drain()
    case = Case.objects.get(slug="a-lock-that-nobody-lets-go-of")
    assert case.document.state == "draft" and Evidence.objects.get().case == case
    assert Client().get(case.get_absolute_url()).status_code == 404
    client.post(f"/reports/unmatched/{fingerprint}/rule", {"word": "back"})
    ingest.drain()
    assert not Evidence.objects.exists() and User.objects.exists()


@pytest.mark.parametrize("wrong", [{"title": "short"}, {"mechanism": "magic"}, {"controllers": []}])
def test_a_draft_without_its_words_is_not_made(wrong: dict[str, Any]) -> None:
    log("readahead-offline-6.12")
    fingerprint = Observation.objects.get().fingerprint
    said = {"title": "A lock that nobody lets go of", "mechanism": "page_lock", "controllers": ["kernel"], **wrong}
    page = editor().post(f"/reports/unmatched/{fingerprint}/draft", said)
    assert next(iter(wrong)) in page.context["form"].errors and not Case.objects.exists()
