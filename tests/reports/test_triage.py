"""What no case explains: looked at by anybody, ruled on by editors, and every ruling can be taken back."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from people.models import Event, Machine, Role, Standing
from reports.models import Evidence, LikenessLine, Observation, Report, Ruling
from reports.review import takedown, triage, trust
from reports.totals import check, counters
from reports.worker import ingest, replay
from tests import builders
from tests.pages import on_one_line

pytestmark = pytest.mark.django_db


def client(role: str | None = None) -> Client:
    made = Client()
    if role:
        made.force_login(builders.person(role=role))
    return made


def unknown(machine: str = "box", case: str = "nobody-knows-it", **changed: object) -> str:
    """A settled report that no case explains; returns the fingerprint of its observation."""
    sender = builders.Machine.objects.filter(name=machine).first() or builders.machine(machine)
    report = builders.report(builders.run(case), sender=sender, **changed)
    ingest.drain()
    return Observation.objects.get(report=report).fingerprint


def test_what_looks_alike_stands_together_most_machines_first() -> None:
    often = [unknown(case="often") for _ in range(3)]
    wide = [unknown(name, case="wide") for name in ("one", "two")]
    shown = triage.with_samples(list(triage.groups()))
    assert [(g.fingerprint, g.nr_observations, g.nr_machines) for g in shown] == [(wide[0], 2, 2), (often[0], 3, 1)]


def test_a_machine_of_which_nothing_is_left_is_not_counted() -> None:
    unknown("one")
    unknown("two")
    chief = builders.person(role=Role.MAINTAINER)
    takedown.erase(Report.objects.get(machine__name="two"), chief, "A host name.")
    shown = triage.with_samples(list(triage.groups()))
    assert [(g.nr_observations, g.nr_machines) for g in shown] == [(1, 1)]


def listed() -> list[tuple[str, int, int]]:
    return [(g.fingerprint, g.nr_observations, g.nr_machines) for g in triage.with_samples(list(triage.groups()))]


def test_what_a_withdrawn_machine_sent_does_not_count_and_comes_back_with_it() -> None:
    (both,) = {unknown(name, case="both") for name in ("one", "two", "two")}
    alone = unknown("two", case="alone")
    page, chief = client(), builders.person(role=Role.MAINTAINER)
    assert listed() == [(both, 3, 2), (alone, 1, 1)]
    two = Machine.objects.get(name="two")
    trust.let_stand(two, Standing.WITHDRAWN, chief)
    assert listed() == [(both, 1, 1)] and counters.disagreement() == {}
    assert triage.with_samples(list(triage.groups()))[0].sample.report.machine.name == "one"
    whole = on_one_line(page.get(f"/reports/unmatched/{both}/"))
    assert "1 observation on 1 machine," in whole and "2 more of withdrawn machines, which do not count" in whole
    assert whole.count("withdrawn: does not count") == 2
    assert "Nothing that counts" in page.get(f"/reports/unmatched/{alone}/").content.decode()
    for standing in (Standing.TRUSTED, Standing.NEW):
        trust.let_stand(two, standing, chief)
        assert listed() == [(both, 3, 2), (alone, 1, 1)] and counters.disagreement() == {}


def test_what_does_not_count_is_not_ruled_on_but_a_ruling_on_it_is_taken_back() -> None:
    builders.case()
    fingerprint, editor = unknown("two"), client(Role.EDITOR)
    page, case = f"/reports/unmatched/{fingerprint}/", {"word": "case", "case": "fuse-writeback"}
    editor.post(page + "rule", {"word": "noise"})
    trust.let_stand(Machine.objects.get(name="two"), Standing.WITHDRAWN, builders.person(role=Role.MAINTAINER))
    assert "Take the ruling back" in editor.get(page).content.decode()
    editor.post(page + "rule", {"word": "back"})
    assert not Ruling.objects.exists()
    assert "What is it?" not in editor.get(page).content.decode()
    for path, fields in ((page + "rule", case), (page + "draft", {"title": "A hold"})):
        said = editor.post(path, fields, follow=True).content.decode()
        assert "Nothing that counts looks like this: the machines" in said and not Ruling.objects.exists()


def test_of_many_that_a_withdrawn_machine_sent_since_one_is_shown_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(triage, "MOST_COUNTED", 2)
    for name in ("one", "two", "two"):
        unknown(name)
    trust.let_stand(Machine.objects.get(name="two"), Standing.WITHDRAWN, builders.person(role=Role.MAINTAINER))
    (only,) = triage.with_samples(list(triage.groups()))
    assert (only.nr_observations, only.sample.report.machine.name) == (1, "two")


def test_a_draft_is_of_no_mechanism_until_one_is_chosen() -> None:
    page = client(Role.EDITOR).get(f"/reports/unmatched/{unknown()}/draft").content.decode()
    assert '<option value="" selected>Choose a mechanism</option>' in page


def test_a_group_is_attached_to_a_case_and_taken_back() -> None:
    builders.case()
    fingerprint, editor = unknown(), client(Role.EDITOR)
    page = f"/reports/unmatched/{fingerprint}/"
    editor.post(page + "rule", {"word": "case", "case": "fuse-writeback", "note": "the same hold"})
    ingest.drain()
    row = Evidence.objects.get()
    assert (row.case.slug, row.rule) == (
        "fuse-writeback",
        "ruled",
    ) and check.disagreements() == check.miscounts() == []
    assert "the same hold" in client().get(page).content.decode()
    assert fingerprint not in client().get("/reports/unmatched/").content.decode()
    editor.post(page + "rule", {"word": "back"})
    ingest.drain()
    assert not Evidence.objects.exists() and check.disagreements() == check.miscounts() == []
    assert fingerprint in client().get("/reports/unmatched/").content.decode()
    assert list(Event.objects.filter(subject=fingerprint).order_by("id").values_list("verb", flat=True)) == [
        "unmatched.first",
        "observations.ruled",
        "observations.unruled",
    ]


def test_later_ones_of_an_attached_group_are_evidence_at_once() -> None:
    case = builders.case()
    triage.rule(unknown(), builders.person(role=Role.EDITOR), case)
    unknown("another")
    assert Evidence.objects.filter(case=case, rule="ruled").count() == 2


def test_noise_leaves_the_list_and_comes_back() -> None:
    fingerprint, editor = unknown(), client(Role.EDITOR)
    editor.post(f"/reports/unmatched/{fingerprint}/rule", {"word": "noise"})
    assert not triage.groups() and fingerprint in client().get("/reports/unmatched/?show=ruled").content.decode()
    editor.post(f"/reports/unmatched/{fingerprint}/rule", {"word": "back"})
    assert len(triage.groups()) == 1


def test_two_editors_at_once_the_second_is_told() -> None:
    fingerprint = unknown()
    client(Role.EDITOR).post(f"/reports/unmatched/{fingerprint}/rule", {"word": "noise"})
    builders.case()
    rule = {"word": "case", "case": "fuse-writeback"}
    page = client(Role.EDITOR).post(f"/reports/unmatched/{fingerprint}/rule", rule, follow=True)
    assert "Take that back first" in page.content.decode()
    assert Ruling.objects.get().word == "noise"


@pytest.mark.parametrize("role", [None, Role.READER, Role.CONTRIBUTOR])
def test_only_editors_rule(role: str | None) -> None:
    fingerprint = unknown()
    assert client(role).get(f"/reports/unmatched/{fingerprint}/").status_code == 200
    assert client(role).post(f"/reports/unmatched/{fingerprint}/rule", {"word": "noise"}).status_code == 403
    assert client(Role.EDITOR).post(f"/reports/unmatched/{fingerprint}/rule", {"word": "noise"}).status_code == 302
    assert Ruling.objects.count() == 1


@pytest.mark.parametrize("sent", [{"word": "case"}, {"word": "case", "case": "no-such"}, {"word": "other"}, {}])
def test_a_ruling_without_its_case_changes_nothing(sent: dict[str, str]) -> None:
    fingerprint = unknown()
    page = client(Role.EDITOR).post(f"/reports/unmatched/{fingerprint}/rule", sent, follow=True)
    assert page.context["messages"] and not Ruling.objects.exists()


def test_a_report_in_work_while_its_ruling_is_taken_back_is_read_once_more() -> None:
    case, editor = builders.case(), builders.person(role=Role.EDITOR)
    fingerprint = unknown()
    triage.rule(fingerprint, editor, case)
    ingest.drain()
    Ruling.objects.all().delete()  # what a worker sees that settled with the signatures of a moment before
    assert Evidence.objects.count() == 1
    assert replay.requeue_unruled() == 1 and replay.requeue_unruled() == 0
    ingest.drain()
    assert not Evidence.objects.exists() and Report.objects.get().state == "settled"


def test_a_ruling_for_a_draft_is_for_editors() -> None:
    case = builders.case("a-draft")
    case.document.state = "draft"
    case.document.save()
    triage.rule(unknown(), builders.person(role=Role.EDITOR), case)
    for page in ("/reports/unmatched/?show=ruled", f"/reports/unmatched/{Ruling.objects.get().fingerprint}/"):
        assert "a-draft" not in client().get(page).content.decode()
        assert "a-draft" in client(Role.EDITOR).get(page).content.decode()


def test_the_list_takes_the_same_queries_for_many() -> None:
    unknown(case="one")
    with CaptureQueriesContext(connection) as few:
        client().get("/reports/unmatched/")
    for n in range(5):
        unknown(f"machine-{n}", case=f"case-{n}")
    with CaptureQueriesContext(connection) as many:
        client().get("/reports/unmatched/")
    assert len(few) == len(many) <= 4


def test_an_unknown_fingerprint_is_not_found() -> None:
    assert client().get("/reports/unmatched/0123456789abcdef/").status_code == 404
    assert client(Role.EDITOR).post("/reports/unmatched/0123456789abcdef/rule", {"word": "noise"}).status_code == 404


def test_the_groups_lines_add_up_after_replays_and_folding() -> None:
    for n in range(4):
        unknown(f"machine-{n % 2}")
    replay.again(Report.objects.all())
    ingest.drain()
    assert counters.disagreement() == {}
    before = [(g["fingerprint"], g["nr_observations"], g["nr_machines"]) for g in triage.groups()]
    sender = Machine.objects.get(name="machine-0").pk
    LikenessLine.objects.bulk_create(
        LikenessLine(fingerprint=before[0][0], machine_id=sender, number=n, seen_at=timezone.now())
        for n in [1, -1] * (counters.FOLD_FROM + 1)
    )
    counters.fold()
    assert [(g["fingerprint"], g["nr_observations"], g["nr_machines"]) for g in triage.groups()] == before
    assert LikenessLine.objects.count() == 2 and counters.disagreement() == {}
    assert [number for number, _ in counters.by_machine().values()] == [2, 2]
