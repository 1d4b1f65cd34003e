"""A draft with words that stand nowhere else. Whoever may not see drafts fetches every address of the site, in every
format and with words that search for the draft: what comes back is, to the byte, the ETag and the count, what comes
back where there is no draft, and the words are nowhere in it.

Every pattern of `config.urls` has a line in ADDRESSES; a new one without a line fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from catalog.models import Document, KernelBuild, Revision, Tally
from catalog.models.text import Origin, State
from catalog.revisions import store
from diagnosis.formats import envelope
from discussion.comments import threads
from people import journal_cursor
from people.models import Machine, Role
from reports.intake.formats import registry
from reports.models import Evidence, Report
from reports.totals import tallies
from reports.totals.sums import key_of
from tests import builders
from tests.crawl import routes

pytestmark = [pytest.mark.django_db, pytest.mark.whole]
WORD = "zyxcanary"
RELEASE = f"9.9.9-{WORD}"
TAKEN = ("?format=json", "?format=csv", "?format=md")
ASKED = ("?limit=1", "?limit=200", "?cursor=x")
_SEARCHED = (f"{WORD}", f"{WORD}_symbol", f"{WORD[:-1]}k", f"{WORD}%40example.org", "canary", "0fedcba98765", "the")

# What stands in the place of a parameter: things that everybody sees (the first), then the draft's.
_CASE = ("fuse-writeback", f"{WORD}-case", f"{WORD}-alias")
_STRATEGY = ("a-strategy", f"{WORD}-strategy")
_RELEASE = ("6.18.44", RELEASE)


def _each(route: str, values: tuple[str, ...], *tails: str) -> tuple[str, ...]:
    return tuple(route.format(value) + tail for value in values for tail in ("", *tails))


# Route: the addresses to fetch. {document}, {comment}, {report} are filled in; the draft's with `_draft`.
ADDRESSES: dict[str, tuple[str, ...]] = {
    "": (
        *("/", "/?status=open", "/?effect=hotunplug&manner=sleeps_in_d", f"/?subsystem={WORD}-subsystem"),
        *("/?kernel=9.9", "/?kernel=6.18", *(f"/?q={word}" for word in _SEARCHED), *(f"/{one}" for one in TAKEN)),
    ),
    "search/": ("/search/", *(f"/search/?q={word}" for word in _SEARCHED), f"/search/?q={WORD}&kind=case"),
    "favicon.ico": ("/favicon.ico",),
    "robots.txt": ("/robots.txt",),
    "sitemap.xml": ("/sitemap.xml",),
    "feed.atom": ("/feed.atom",),
    "subsystems/": ("/subsystems/",),
    "operations/": ("/operations/",),
    "waits/": ("/waits/", "/waits/?kernel=6.12&beside=6.1", *(f"/waits/{one}" for one in TAKEN)),
    "waits/<slug:slug>/": _each("/waits/{}/", ("writeback", "pinned"), "?kernel=6.12&beside=6.1"),
    "subsystems/<slug:slug>/": _each("/subsystems/{}/", ("fuse", f"{WORD}-subsystem"), *TAKEN),
    "subsystems/<slug:slug>/feed.atom": _each("/subsystems/{}/feed.atom", ("fuse", f"{WORD}-subsystem")),
    "cases/<slug:slug>/badge.svg": _each("/cases/{}/badge.svg?kernel=6.18.44", _CASE),
    "cases/<slug:slug>/badge.json": _each("/cases/{}/badge.json", _CASE),
    "cases/<slug:slug>/card.png": _each("/cases/{}/card.png", _CASE),
    "cases/<slug:slug>/now": _each("/cases/{}/now", _CASE),
    "cases/<slug:slug>/feed.atom": _each("/cases/{}/feed.atom", _CASE),
    "cases/new/": ("/cases/new/",),
    "cases/proposed/": ("/cases/proposed/",),
    "cases/<slug:slug>/": _each("/cases/{}/", _CASE, *TAKEN),
    "cases/<slug:slug>/@<int:n>": _each("/cases/{}/@1", _CASE),
    **{
        f"{folder}/<slug:slug>/{tail}": _each(f"/{folder}/{{}}/{tail}".replace("<int:pk>", "1"), slugs, "?a=1&b=1")
        for folder, slugs in (("cases", _CASE), ("strategies", _STRATEGY))
        for tail in ("state/", "edit/", "history/", "diff/", "kept/<int:pk>/")
    },
    "styleguide/": ("/styleguide/",),
    "cases/<slug:slug>/signature/": _each("/cases/{}/signature/", _CASE),
    "kernels/": ("/kernels/", *(f"/kernels/{one}" for one in TAKEN)),
    "kernels/<path:release>/": _each("/kernels/{}/", _RELEASE, f"?label={WORD}"),
    "compare/": (
        *("/compare/", "/compare/?a=6.18.44&b=7.3.4", f"/compare/?a=6.18.44&b={RELEASE}", f"/compare/?a={RELEASE}"),
    ),
    "affected/": ("/affected/", "/affected/?kernel=6.18.44", f"/affected/?kernel={RELEASE}"),
    "affected.txt": ("/affected.txt", "/affected.txt?kernel=6.18.44", f"/affected.txt?kernel={RELEASE}"),
    "agenda/": ("/agenda/",),
    "agenda.md": ("/agenda.md",),
    "agenda/begin/": ("/agenda/begin/",),
    "agenda/<int:number>/": ("/agenda/1/",),
    "agenda/<int:number>/minutes.md": ("/agenda/1/minutes.md",),
    "agenda/<int:number>/points/<int:point>/": ("/agenda/1/points/1/",),
    "agenda/<int:number>/add/": ("/agenda/1/add/",),
    "agenda/<int:number>/close/": ("/agenda/1/close/",),
    "^session(?P<rest>[/.].*)$": ("/session/", "/session.md"),
    "method/": ("/method/",),
    "strategies/": ("/strategies/", *(f"/strategies/{one}" for one in TAKEN)),
    "strategies/new/": ("/strategies/new/", f"/strategies/new/?case={WORD}-case"),
    "strategies/<slug:slug>/": _each("/strategies/{}/", _STRATEGY),
    "strategies/<slug:slug>/tested": _each("/strategies/{}/tested", _STRATEGY),
    "strategies/<slug:slug>/@<int:n>": _each("/strategies/{}/@1", _STRATEGY),
    "strategies/<slug:slug>/object/": _each("/strategies/{}/object/", _STRATEGY),
    "strategies/<slug:slug>/objections/<slug:objection>/": _each("/strategies/{}/objections/no/", _STRATEGY),
    "strategies/<slug:slug>/move/": _each("/strategies/{}/move/", _STRATEGY),
    "strategies/<slug:slug>/drive/": _each("/strategies/{}/drive/", _STRATEGY),
    "cases/<slug:slug>/discussion.atom": _each("/cases/{}/discussion.atom", _CASE),
    "strategies/<slug:slug>/feed.atom": _each("/strategies/{}/feed.atom", _STRATEGY),
    "api/v1/cases/<slug:slug>/comments/": _each("/api/v1/cases/{}/comments/", _CASE),
    "api/v1/strategies/<slug:slug>/comments/": _each("/api/v1/strategies/{}/comments/", _STRATEGY),
    "discussion/<int:document>/": ("/discussion/{document}/", "/discussion/{document_draft}/"),
    "discussion/<int:document>/lock/": ("/discussion/{document}/lock/", "/discussion/{document_draft}/lock/"),
    "c/<int:comment>/": ("/c/{comment}/", "/c/{comment_draft}/"),
    "c/<int:comment>/history/": ("/c/{comment}/history/", "/c/{comment_draft}/history/"),
    "c/<int:comment>/edit/": ("/c/{comment}/edit/", "/c/{comment_draft}/edit/"),
    "c/<int:comment>/resolve/": ("/c/{comment}/resolve/", "/c/{comment_draft}/resolve/"),
    r"^c/(?P<comment>\d{1,18})/(?P<name>flag|settle|pass|hide|show)/$": (
        *("/c/{comment}/flag/", "/c/{comment_draft}/flag/", "/c/{comment_draft}/show/"),
    ),
    "mail/import/": ("/mail/import/",),
    "mail/<path:message_id>/": (f"/mail/{WORD}@example.org/",),
    "moderation/": ("/moderation/",),
    "inbox/": ("/inbox/",),
    "account/": ("/account/",),
    "account/data.json": ("/account/data.json",),
    "account/leave/": ("/account/leave/",),
    "account/webhooks/": ("/account/webhooks/",),
    "account/webhooks/<int:pk>/": ("/account/webhooks/1/",),
    "account/webhooks/<int:pk>/act/": ("/account/webhooks/1/act/",),
    "account/webhooks/<int:pk>/<uuid:delivery>/": ("/account/webhooks/1/01a22600-0000-7000-8000-000000000000/",),
    "account/login/": ("/account/login/",),
    "account/2fa/totp/activate/": ("/account/2fa/totp/activate/",),
    "follow/": (
        *("/follow/?kind=case&name=fuse-writeback", f"/follow/?kind=case&name={WORD}-case"),
        *(f"/follow/?kind=strategy&name={WORD}-strategy", f"/follow/?kind=subsystem&name={WORD}-subsystem"),
    ),
    "account/following/": ("/account/following/",),
    "account/following/resume/": ("/account/following/resume/",),
    "outbox/": ("/outbox/",),
    "moderation/mail/": ("/moderation/mail/",),
    "moderation/mail/<int:pk>/": ("/moderation/mail/1/",),
    "cases/<slug:slug>/mail": _each("/cases/{}/mail", _CASE),
    "strategies/<slug:slug>/mail": _each("/strategies/{}/mail", _STRATEGY),
    "api/v1/follows/": ("/api/v1/follows/",),
    "unsubscribe/<str:token>/": ("/unsubscribe/none/",),
    "people/<str:name>/": ("/people/author/",),
    "people/<str:name>/ban/": ("/people/author/ban/",),
    "diagnose/": ("/diagnose/",),
    "diagnose/share/": ("/diagnose/share/",),
    "diagnose/keep/": ("/diagnose/keep/",),
    "diagnose/kept/<uuid:kept>/": ("/diagnose/kept/{report}/",),
    "diagnose/kept/<uuid:kept>/delete": ("/diagnose/kept/{report}/delete",),
    "shared/<uuid:shared>/": ("/shared/{report}/",),
    "shared/<uuid:shared>/decide": ("/shared/{report}/decide",),
    "machines/": ("/machines/",),
    "machines/<str:name>/": ("/machines/box/",),
    "machines/<str:name>/token": ("/machines/box/token",),
    "machines/<str:name>/standing": ("/machines/box/standing",),
    "reports/grid.json": ("/reports/grid.json",),
    "reports/": (
        *("/reports/", "/reports/?state=settled", "/reports/?outcome=hangs"),
        *(f"/reports/?case={name}" for name in _CASE),
    ),
    "reports/shared/": ("/reports/shared/",),
    "first-report/": ("/first-report/",),
    "reports/<uuid:report>/": ("/reports/{report}/",),
    "reports/<uuid:report>/raw": ("/reports/{report}/raw",),
    "reports/<uuid:report>/verdict": ("/reports/{report}/verdict",),
    "reports/again": ("/reports/again",),
    "reports/<uuid:report>/erase": ("/reports/{report}/erase",),
    "api/v1/events/": (
        "/api/v1/events/",
        "/api/v1/events/?since=0",
        "/api/v1/events/?limit=1",
        f"/api/v1/events/?case={WORD}-case",
        f"/api/v1/events/?kernel={RELEASE}",
    ),
    **{
        f"export/{name}": (f"/export/{name}",)
        for name in (
            *("documents.ndjson", "evidence.ndjson", "evidence.csv", "reports.ndjson", "tallies.ndjson"),
            "kcidb.json",
        )
    },
    "reports/unmatched/": ("/reports/unmatched/", "/reports/unmatched/?show=ruled"),
    "reports/unmatched/<slug:fingerprint>/": ("/reports/unmatched/{fingerprint}/",),
    "reports/unmatched/<slug:fingerprint>/rule": ("/reports/unmatched/{fingerprint}/rule",),
    "reports/unmatched/<slug:fingerprint>/draft": ("/reports/unmatched/{fingerprint}/draft",),
    "probe.pyz": ("/probe.pyz",),
    "probe.pyz.sha256": ("/probe.pyz.sha256",),
    "problems/": ("/problems/",),
    "sign-in/": ("/sign-in/",),
    "sign-out/": (),  # ends the session that fetches; it says nothing
    "api/": ("/api/",),
    "api/v1/openapi.json": ("/api/v1/openapi.json",),
    "api/v1/whoami/": ("/api/v1/whoami/",),
    "api/v1/machines/": ("/api/v1/machines/",),
    "api/v1/machines/<str:name>/": ("/api/v1/machines/box/",),
    "api/v1/machines/<str:name>/tokens/": ("/api/v1/machines/box/tokens/",),
    "api/v1/machines/<str:name>/tokens/<int:token>/": ("/api/v1/machines/box/tokens/1/",),
    "api/v1/machines/<str:name>/tokens/<int:token>/revoke/": ("/api/v1/machines/box/tokens/1/revoke/",),
    "api/v1/machines/<str:name>/tokens/<int:token>/rotate/": ("/api/v1/machines/box/tokens/1/rotate/",),
    "api/v1/reports/": ("/api/v1/reports/", *(f"/api/v1/reports/?case={name}" for name in _CASE)),
    "api/v1/reports/batch/": ("/api/v1/reports/batch/",),
    **{
        f"api/v1/reports/{name}/": (f"/api/v1/reports/{name}/",)
        for name in registry.FORMATS
        if registry.FORMATS[name] is not envelope.FORMAT
    },
    "api/v1/reports/<uuid:report>/": ("/api/v1/reports/{report}/",),
    "api/v1/batch/": ("/api/v1/batch/",),
    "schemas/unmigratable-report-1.json": ("/schemas/unmigratable-report-1.json",),
    "api/v1/diagnose/": ("/api/v1/diagnose/",),
    "api/v1/cases/": ("/api/v1/cases/", *(f"/api/v1/cases/{one}" for one in ASKED)),
    "api/v1/cases/<slug:slug>/": _each("/api/v1/cases/{}/", _CASE),
    "api/v1/cases/<slug:slug>/evidence/": _each("/api/v1/cases/{}/evidence/", _CASE, *ASKED),
    "api/v1/": ("/api/v1/",),
    "api/v1/kernels/": ("/api/v1/kernels/", *(f"/api/v1/kernels/{one}" for one in ASKED)),
    "api/v1/kernels/<path:release>/": _each("/api/v1/kernels/{}/", _RELEASE),
    "api/v1/waits/": ("/api/v1/waits/", "/api/v1/waits/?kernel=6.12"),
    "api/v1/compare/": ("/api/v1/compare/?a=6.18.44&b=7.3.4", f"/api/v1/compare/?a=6.18.44&b={RELEASE}"),
    "api/v1/strategies/": ("/api/v1/strategies/", *(f"/api/v1/strategies/{one}" for one in ASKED)),
    "api/v1/strategies/<slug:slug>/": _each("/api/v1/strategies/{}/", _STRATEGY),
    "api/v1/affected/": ("/api/v1/affected/?kernel=6.18.44", f"/api/v1/affected/?kernel={RELEASE}"),
}
ROUTES = [str(pattern.pattern) for pattern in routes()]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


_HEADERS = ("ETag", "Content-Type", "Content-Length", "Location", "Link", "Last-Modified", "Content-Disposition")


def fetch(client: Client, path: str) -> Answer:
    answer = client.get(path)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[arg-type]
    text = body.decode(errors="replace")
    if "csrfmiddlewaretoken" in text:  # new for each answer, and the ETag with it
        text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", text)
        headers = tuple((name, answer.get(name, "")) for name in _HEADERS if name != "ETag")
    else:
        headers = tuple((name, answer.get(name, "")) for name in _HEADERS)
    return Answer(answer.status_code, headers, text)


@pytest.fixture
def known() -> dict[str, Any]:
    """What everybody sees: a case, a strategy, comments, measurements, one of them unmatched."""
    author = builders.person("author")
    effect = {"effect": "hotunplug", "manner": "sleeps_in_d", "standing": "measured"}
    case = builders.case(effects=[effect])
    builders.strategy()
    comment = threads.say(case.document, author, "The comment that everybody sees.")
    report = builders.settled(builders.run())
    builders.settled(kernel={"release": "7.3.4", "architecture": "x86_64"})
    unmatched = builders.settled(builders.run("nothing-like-this")).observations.get()
    fingerprint = unmatched.fingerprint
    journal_cursor.give_places()  # which begin at the clock: what is seen twice is to have them before
    return {"document": case.pk, "comment": comment.pk, "report": report.pk, "fingerprint": fingerprint}


def draft(known: dict[str, Any]) -> dict[str, Any]:
    """A draft of each kind, with everything that a document can have; all of it says the word."""
    author = builders.person()
    text = builders.case_text(
        f"{WORD}-case",
        f"{WORD} waits for the server in `{WORD}_symbol()`.\n\n## Open question\n\nWhy {WORD}?",
        title=f"The {WORD} case",
        aliases=[f"{WORD}-alias"],
        subsystems=["FUSE", f"{WORD} subsystem"],
        effects=[{"effect": "hotunplug", "manner": "sleeps_in_d", "standing": "measured", "note": WORD}],
        links=[
            {"kind": "message", "ref": f"{WORD}@example.org", "title": WORD},
            {"kind": "commit", "ref": "0fedcba98765", "title": WORD},
        ],
        signature={"names": [f"{WORD}-test"]},
    )
    case = store.save(text, origin=Origin.SITE, author=author).document
    way = builders.strategy(
        f"{WORD}-strategy", ("fuse-writeback", f"{WORD}-case"), title=f"The {WORD} strategy", driver=WORD
    ).document
    Document.objects.filter(pk__in=(case.pk, way.pk)).update(state=State.DRAFT)
    said = [threads.say(document, author, f"A {WORD} comment.") for document in (case, way)]
    for build in (KernelBuild.objects.get(release="6.18.44"), KernelBuild.objects.create(release=RELEASE, label=WORD)):
        key = _measured(case, build)
    told = Report.objects.get(pk=known["report"])
    (seen,) = told.observations.all()
    why = f"An editor says {WORD}."
    Evidence.objects.create(report=told, key=seen.key, rule="ruled", reason=why, seen_at=timezone.now(), **key)
    return {"document_draft": case.pk, "comment_draft": said[0].pk}


def _measured(case: Document, build: KernelBuild) -> dict[str, Any]:
    """A tally of the draft; returns its key, for evidence of a report that everybody sees."""
    key = {"case": case.case, "build": build, "architecture": "x86_64", "mover": "compaction", "area": "zone_movable"}
    key |= {"environment": "guest", "kind": "run", "machine": Machine.objects.get(name="box"), "outcome": "hangs"}
    histogram = list(Tally.objects.all()[0].histogram)
    made = Tally.objects.create(**key, runs=3, last_seen_at=timezone.now(), histogram=histogram)
    tallies.total_up(key_of(made)[:7])
    return key


def crawl(client: Client, given: dict[str, Any]) -> dict[str, Answer]:
    paths = [path.format(**given) for addresses in ADDRESSES.values() for path in addresses]
    return {path: fetch(client, path) for path in paths}


def _as(role: str) -> Client:
    client = Client()
    if role:
        client.force_login(builders.person(role=role))
    return client


@pytest.fixture(params=["", Role.READER, Role.CONTRIBUTOR], ids=["stranger", "reader", "contributor"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    yield _as(request.param)


def test_a_draft_changes_nothing_for_who_may_not_see_it(client: Client, known: dict[str, Any]) -> None:
    with transaction.atomic():
        given = known | draft(known)
        there = crawl(client, given)
        transaction.set_rollback(True)
    assert not Document.objects.filter(slug__startswith=WORD).exists()
    without = crawl(client, given)
    for path, answer in there.items():
        assert answer == without[path], f"{path} tells of the draft"
        if WORD not in path:  # what was asked for is said back
            assert WORD not in (answer.body + repr(answer.headers)).lower(), path
    assert sum(answer.status == 200 for answer in there.values()) > 60, (
        "it would say nothing of pages that are not there"
    )


# A text as it is written is whole or not there: where it names a draft, it is not there.
AS_WRITTEN = (
    "/export/documents.ndjson",
    "/strategies/a-strategy/diff/?a=1&b=1",
    "/strategies/a-strategy/diff/?a=2&b=2",
)


def _speaking(*named: str) -> None:
    """The strategy that everybody sees, whose text speaks of these cases too."""
    cases = [{"case": case, "effect": "helps", "why": f"It speaks of {case}."} for case in ("fuse-writeback", *named)]
    text = builders.strategy_text().replace(
        'cases: [{"case": "fuse-writeback", "effect": "helps", "why": "It ends the wait."}]',
        f"cases: {json.dumps(cases)}",
    )
    assert "It speaks of" in text
    made = store.save(text, origin=Origin.SITE)
    Revision.objects.filter(pk=made.pk).update(created_at=datetime(2026, 11, 1, tzinfo=UTC))  # the feed says when


def _without_places(answer: Answer) -> Answer:
    """Events of what was saved in between got their places from the clock."""
    kept = ((name, value) for name, value in answer.headers if name != "ETag")
    headers = tuple((name, re.sub(r"\d{16,19}", "PLACE", value)) for name, value in kept)
    body = re.sub(r"\d{16,19}", "PLACE", re.sub(r"\"at\":\"[^\"]*\"", "", answer.body))
    return Answer(answer.status, headers, body)


def test_a_draft_that_a_published_strategy_names_changes_nothing_either(client: Client, known: dict[str, Any]) -> None:
    with transaction.atomic():
        given = known | draft(known)
        _speaking(f"{WORD}-case")
        there = crawl(client, given)
        texts = {path: fetch(client, path) for path in AS_WRITTEN}
        transaction.set_rollback(True)
    _speaking()
    without = crawl(client, given)
    for path, answer in there.items():
        if path not in AS_WRITTEN:
            assert _without_places(answer) == _without_places(without[path]), f"{path} tells of the draft"
    for path, answer in {**there, **texts}.items():
        if WORD not in path:
            assert WORD not in (answer.body + repr(answer.headers)).lower(), path
    assert texts["/export/documents.ndjson"].body.count("a-strategy") == 1, "the strategy itself is there"


def test_an_editor_sees_the_draft_where_it_belongs(known: dict[str, Any]) -> None:
    """The crawl can tell: the same addresses do say the word to whoever may read it."""
    seen = crawl(_as(Role.EDITOR), known | draft(known))
    saying = {path for path, answer in seen.items() if WORD not in path and WORD in answer.body}
    assert saying >= {"/", "/?q=canary", "/?format=csv", "/subsystems/", "/strategies/", "/feed.atom", "/kernels/"}
    assert saying >= {"/api/v1/cases/", "/agenda/", "/reports/{report}/".format(**known), "/search/?q=canary"}


@pytest.mark.parametrize("route", ROUTES)
def test_every_address_of_the_site_is_crawled(route: str) -> None:
    assert route in ADDRESSES, f"add {route!r} to ADDRESSES in {__file__}, with the draft's part where it takes one"


def test_no_line_is_of_an_address_that_is_gone() -> None:
    assert ADDRESSES.keys() <= set(ROUTES)
