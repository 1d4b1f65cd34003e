"""What can be followed, by page and by API; and which news reaches whom."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client

from catalog.meetings import chair
from catalog.models import Document
from catalog.models.text import Origin
from catalog.revisions import steering, store
from mailing.follows import following, subjects
from mailing.models import Cadence, Follow, Notice
from mailing.outbox import fan_out
from people.models import Machine, Role, Scope, Standing, User
from reports.review import trust
from tests import builders
from tests.mailing.test_telling import reader, signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def follow(user: User, kind: str, name: str, cadence: str = Cadence.AT_ONCE) -> Follow:
    shown = subjects.found(kind, name, user)
    assert shown is not None, (kind, name)
    return following.set_cadence(user, shown.subject, cadence)


@pytest.fixture
def case() -> Document:
    return builders.case().document


def told() -> list[tuple[str, str, str]]:
    """Who, of which verb, by which follow."""
    fan_out.note_all()
    rows = Notice.objects.select_related("user", "event", "follow__document").order_by("user", "pk")
    return [(row.user.username, row.event.verb, str(row.follow)) for row in rows]


def measure(release: str, moves: bool) -> None:
    one = builders.moving_run() if moves else builders.run()
    builders.settled(*[one] * 6, kernel={"release": release, "architecture": "x86_64"})


def test_what_was_measured_reaches_who_follows_case_subsystem_line_or_machine(case: Document) -> None:
    builders.machine()
    for kind, name in (("case", "fuse-writeback"), ("subsystem", "fuse"), ("kernel", "6.18.3"), ("machine", "box")):
        follow(reader(kind), kind, name)
    follow(reader("other"), "kernel", "6.12")
    measure("6.18.1", moves=True)
    measure("6.18.2", moves=False)
    both = ["evidence.first", "outcome.changed"]
    verbs = {name: [verb for who, verb, _ in told() if who == name] for name, _, _ in told()}
    assert verbs == dict.fromkeys(("case", "subsystem", "kernel", "machine"), both)
    assert ("kernel", "outcome.changed", "kernel 6.18") in told()


def test_never_a_mail_per_report(case: Document) -> None:
    follow(reader("fan"), "case", "fuse-writeback")
    for _ in range(5):
        measure("6.18.1", moves=False)
    assert [verb for _, verb, _ in told()] == ["evidence.first"]


def test_the_unmatched_are_told_once_for_each_that_is_new_and_counts(case: Document) -> None:
    follow(reader("fan"), "unmatched", "")
    builders.settled(builders.run("unheard-of"))
    builders.settled(builders.run("unheard-of"))
    builders.settled(builders.run("something-else"))
    builders.token("new-box", builders.person(), trusted=False)
    builders.settled(builders.run("of-a-stranger"), sender=Machine.objects.get(name="new-box"))
    assert [verb for _, verb, _ in told()] == ["unmatched.first"] * 2


def test_a_state_and_a_decision_are_told_and_a_plain_edit_is_not(case: Document) -> None:
    ed = builders.person("ed", Role.EDITOR)
    strategy = builders.strategy().document
    for kind, name in (("strategy", "a-strategy"), ("case", "fuse-writeback")):
        follow(reader(kind), kind, name)
    store.save(builders.strategy_text(title="Another title"), origin=Origin.SITE, author=ed)
    strategy.refresh_from_db()
    steering.move(strategy, ed, steering.Step(state="posted", version=2))
    meeting = chair.begin("In the room", date(2026, 5, 5), ed)
    point = meeting.points.get()
    chair.note(point, ed, chair.Notes("Bound it.", "Send a patch.", "Ann"), 0)
    assert told() == [
        ("strategy", "strategy.revised", "strategy a-strategy"),
        ("case", "strategy.revised", "case fuse-writeback"),
        ("case", "session.noted", "case fuse-writeback"),
    ]


def test_whose_runs_count_is_told_to_who_follows_the_machine(case: Document) -> None:
    machine = builders.machine()
    follow(reader("fan"), "machine", "box")
    trust.let_stand(machine, Standing.WITHDRAWN, builders.person("boss", Role.MAINTAINER))
    assert told() == [("fan", "machine.withdrawn", "machine box")]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("case", "nothing"), ("case", ""), ("strategy", "fuse-writeback"), ("subsystem", "none"), ("kernel", "")),
        *(("kernel", "not a kernel"), ("machine", "none"), ("unmatched", "x"), ("", ""), ("person", "ben")),
        *(("case", "a-draft"), ("case", "x" * 500), ("kernel", "6.1\n8")),
    ],
)
def test_what_is_not_there_cannot_be_followed(kind: str, name: str, case: Document) -> None:
    Document.objects.filter(pk=builders.case("a-draft").pk).update(state="draft")
    ben = reader("ben")
    assert signed_in(ben).get("/follow/", {"kind": kind, "name": name}).status_code == 404
    given = {"kind": kind, "name": name, "cadence": "daily"}
    assert signed_in(ben).post("/follow/", given).status_code == 404
    answer = signed_in(ben).post("/api/v1/follows/", given, content_type="application/json")
    assert answer.status_code == 422 and not Follow.objects.exists()


def test_by_page_all_at_once(case: Document) -> None:
    ben = reader("ben")
    client = signed_in(ben)
    one, two = follow(ben, "case", "fuse-writeback"), follow(ben, "kernel", "6.18")
    page = client.get("/account/following/").content.decode()
    assert "the case fuse-writeback" in page and "the kernel line 6.18" in page and "ben@example.org" in page
    client.post("/account/following/", {f"follow-{one.pk}": "weekly", f"follow-{two.pk}": "none"})
    assert list(Follow.objects.values_list("pk", "cadence")) == [(one.pk, "weekly")]
    assert User.objects.get(pk=ben.pk).mails_mentions is False
    client.post("/account/following/", {f"follow-{one.pk}": "loud", "mentions": "yes"})
    assert Follow.objects.get().cadence == "weekly" and User.objects.get(pk=ben.pk).mails_mentions


def test_a_form_leads_back_to_this_site_alone(case: Document) -> None:
    given = {"kind": "case", "name": "fuse-writeback", "cadence": "daily"}
    client = signed_in(reader("ben"))
    for away in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"):
        assert client.post("/follow/", {**given, "next": away})["Location"] == "/account/following/"


def test_by_api(case: Document) -> None:
    secret = builders.token("cli", reader("ben"), scopes=(Scope.READ, Scope.CURATE))
    client = Client(headers={"Authorization": f"Bearer {secret}"})

    def post(**given: Any) -> Any:
        return client.post("/api/v1/follows/", given, content_type="application/json")

    for _ in range(2):
        assert post(kind="kernel", name="6.18.44", cadence="daily").status_code == 200
    assert post(kind="unmatched", cadence="off").json()["cadence"] == "off"
    rows = client.get("/api/v1/follows/").json()["results"]
    assert [(row["kind"], row.get("name"), row["cadence"]) for row in rows] == [
        ("kernel", "6.18", "daily"),
        ("unmatched", None, "off"),
    ]
    assert post(kind="kernel", name="6.18", cadence="loud").status_code == 422
    assert Client().get("/api/v1/follows/").status_code == 401
    only_sends = builders.token("box", builders.person())
    assert Client(headers={"Authorization": f"Bearer {only_sends}"}).get("/api/v1/follows/").status_code == 403


def test_nobody_follows_without_end(case: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Follow, "MOST_A_PERSON", 1)
    ben = reader("ben")
    follow(ben, "case", "fuse-writeback")
    follow(ben, "case", "fuse-writeback", "daily")
    with pytest.raises(following.TooMany):
        follow(ben, "kernel", "6.18")


def test_what_happened_before_is_no_news(case: Document) -> None:
    measure("6.18.1", moves=False)
    follow(reader("fan"), "case", "fuse-writeback")
    assert told() == []


def test_an_old_link_of_a_discussion_still_ends_it(case: Document) -> None:
    from django.core import signing

    ben = reader("ben")
    follow(ben, "case", "fuse-writeback")
    old = signing.dumps([ben.pk, case.pk], salt="discussion.unsubscribe")
    assert Client().post(f"/unsubscribe/{old}/", {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Follow.objects.get().cadence == "off"
    named = signing.dumps([ben.pk, None], salt="discussion.unsubscribe")
    Client().post(f"/unsubscribe/{named}/")
    assert User.objects.get(pk=ben.pk).mails_mentions is False
