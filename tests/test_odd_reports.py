"""A report of every format with all that is optional left out, and with every odd thing in it: no page minds.

A page that lists builds, movers or environments of data is looked at by everybody. One report took such pages down.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from catalog.models import Case, Effect, KernelBuild, Revision, Serving, Strategy, Tally, Total
from catalog.models.told import ALWAYS_TOLD, NOT_ALWAYS_TOLD
from diagnosis.formats import monitor
from people.models import Event, Role
from reports.intake import batch
from reports.models import Evidence, Observation, Report, State
from reports.review import triage
from reports.worker import ingest
from tests import builders, crawl
from tests.test_canary import ADDRESSES, WORD, fetch

pytestmark = [pytest.mark.django_db, pytest.mark.whole]
LONG = "a" * 500
RELEASES = (
    *("6.18.44", "next-20250522", "6.18." + "x" * 55, "6.12.95-" + "9" * 112, "9999.9999.999999-rc999"),
    *("..", "a//b", "%2F", '"><img>', "#x", "?a=b", "0.0.0", "6.18.1-1-1-1-1-1.el9"),
)
# A task that sleeps in migrate_pages, called by nobody who is known: it hangs, and no mover can be told.
HUNG = """[  100.000000] INFO: task bash:1234 blocked for more than 120 seconds.
[  100.000001] task:bash            state:D stack:0     pid:1234  ppid:1      flags:0x00000000
[  100.000002] Call Trace:
[  100.000003]  <TASK>
[  100.000004]  __schedule+0x2a0/0x8b0
[  100.000005]  folio_wait_writeback+0x30/0x90
[  100.000006]  migrate_folio_unmap+0x30/0x90
[  100.000007]  migrate_pages_batch+0x30/0x90
[  100.000008]  migrate_pages+0x30/0x90
[  100.000009]  </TASK>
"""


class Sender:
    """Sends with an id of its own each time, and says of what was refused what it was."""

    def __init__(self) -> None:
        self.secret, self.number = builders.token(), 0

    def __call__(
        self, body: bytes | str, kind: str, query: str = "", path: str = "reports", *, is_named: bool = True
    ) -> None:
        self.number += 1
        headers = {"Authorization": f"Bearer {self.secret}"}
        headers |= {"Run-Id": f"odd-run-{self.number:08}"} if is_named else {}
        answer = Client().post(f"/api/v1/{path}/{query}", body, kind, headers=headers)
        assert answer.status_code in (200, 202), (kind, query, answer.content)


def ktap(*names: str) -> str:
    results = [f"not ok {n} {name}" for n, name in enumerate(names, 1)]
    return "\n".join(["KTAP version 1", f"1..{len(names)}", *results, ""])


def watched(release: str) -> str:
    stack = ["folio_wait_writeback+0x30/0x90", "migrate_pages+0x30/0x90"]
    event = {"at": "2026-11-22T10:00:00Z", "kind": monitor.BLOCKED, "what": "bash", "stack": stack}
    seen = {"format": monitor.NAME, "version": 1, "run_id": f"odd-seen-{RELEASES.index(release):03}"}
    kernel = {"release": release, "architecture": "mips99"}
    return json.dumps({**seen, "kernel": kernel, "environment": "host", "seconds": 1, "events": [event]})


def kcidb_of(release: str, path: str) -> str:
    checkout = {"id": "lab:c1", "git_commit_name": release}
    build = {"id": "lab:b1", "checkout_id": "lab:c1", "architecture": "mips99"}
    test = {"id": f"lab:{quote(release, safe='')[:80]}", "build_id": "lab:b1", "path": path, "status": "FAIL"}
    return json.dumps({"version": {"major": 5}, "checkouts": [checkout], "builds": [build], "tests": [test]})


def send_everything(releases: tuple[str, ...] = RELEASES) -> None:
    """Of every release and format one."""
    send = Sender()
    for release in releases:
        query = f"?kernel={quote(release, safe='')}&architecture=mips99"
        kernel = {"release": release, "architecture": "mips99"}
        runs = (builders.run(), builders.moving_run(mover="split", area="zone_movable"), skipped())
        send(builders.body(*runs, kernel=kernel), "application/json", is_named=False)
        send(builders.body(kernel=kernel | {"label": LONG[:80]}), batch.MEDIA_TYPE, path="batch", is_named=False)
        send(ktap("mm.fuse_wb", LONG, f"mm.{LONG}.fuse_wb"), "application/x-ktap", query)
        send(kcidb_of(release, "mm.fuse_wb"), "application/vnd.kcidb+json", is_named=False)
        send(HUNG, "text/plain", query)
        send(watched(release), monitor.MEDIA_TYPE, is_named=False)
    assert ingest.drain()


def skipped() -> dict[str, Any]:
    return {"case": "fuse-writeback", "mover": "offline", "outcome": "skipped", "reason": "No such thing here."}


def rule_on_all(case: Any) -> None:
    """An editor says of whatever no signature recognises that it is the case: logs whose mover nobody can tell too."""
    editor = builders.person(role=Role.EDITOR)
    for fingerprint in set(Observation.objects.filter(is_matched=False).values_list("fingerprint", flat=True)):
        triage.rule(fingerprint, editor, case)
    ingest.drain()


def clients() -> Iterator[Client]:
    for role in (None, Role.EDITOR):
        client = Client(raise_request_exception=False)
        if role:
            client.force_login(builders.person(role=role))
        yield client


def addresses() -> list[str]:
    """Every address of the site, filled in with what was sent, but those that ask for a draft; and those of builds."""
    report, builds = Report.objects.latest("received_at"), KernelBuild.objects.all()
    document = report.evidence.all()[0].case.pk if report.evidence.exists() else 1
    fingerprint = Observation.objects.filter(kind="log").values_list("fingerprint", flat=True)[0]
    known = {"document": document, "comment": 1, "report": report.pk, "fingerprint": fingerprint}
    known |= {"document_draft": 0, "comment_draft": 0}
    paths = [path.format(**known) for of in ADDRESSES.values() for path in of if WORD not in path]
    for build in builds:
        asked = quote(build.release, safe="")
        paths += [build.get_absolute_url(), "/api/v1" + build.get_absolute_url()]
        paths += [f"{path}?kernel={asked}" for path in ("/affected/", "/affected.txt", "/api/v1/affected/")]
        paths += [f"{path}?a={quote(str(build), safe='')}&b=6.18.44" for path in ("/compare/", "/api/v1/compare/")]
    return [*paths, *(f"/reports/{pk}/" for pk in Report.objects.values_list("pk", flat=True))]


def broken() -> dict[str, int]:
    """What answers with an error of ours, of all that strangers and editors can reach."""
    made = {}
    for client in clients():
        answers = {path: answer.status_code for path, answer in crawl.pages(client, "/", "/kernels/").items()}
        answers |= {path: fetch(client, path).status for path in addresses() if path not in answers}
        assert answers["/kernels/"] == answers["/api/v1/kernels/"] == 200
        made |= {path: status for path, status in answers.items() if status >= 500}
    return made


@pytest.fixture
def case() -> Any:
    builders.strategy()
    return builders.case(signature={"names": ["mm.fuse_wb", LONG[:120], f"{LONG[:119]}*"]})


def test_reports_of_every_format_with_nothing_that_is_optional_and_all_that_is_odd(case: Any) -> None:
    send_everything()
    rule_on_all(case)
    left = Report.objects.exclude(state=State.SETTLED).values_list("format", "state", "traceback", "reason")
    assert list(left) == []
    assert set(Total.objects.filter(conclusive__gt=0).values_list("mover", flat=True)) >= {"", "compaction", "split"}
    assert set(Total.objects.values_list("environment", "kind")) >= {("", "test"), ("", "log"), ("host", "monitor")}
    assert broken() == {}


def test_a_test_with_a_name_of_five_hundred_characters_is_attached_and_its_reason_fits(case: Any) -> None:
    Sender()(ktap(LONG), "application/x-ktap", "?kernel=6.18.1&architecture=x86_64")
    ingest.drain()
    row = Evidence.objects.get()
    assert row.report.state == State.SETTLED and len(row.reason) <= 400


# In which table which columns say words of the vocabulary.
WORDS: tuple[tuple[type[Any], tuple[str, ...]], ...] = (
    (Observation, ("kind", "mover", "migrate_mode", "area", "environment", "outcome")),
    (Evidence, ("kind", "mover", "area", "environment", "outcome")),
    (Tally, ("kind", "mover", "area", "environment", "outcome")),
    (Total, ("kind", "mover", "area", "environment")),
)
COLUMNS = [(model, column) for model, columns in WORDS for column in columns]


@pytest.mark.parametrize(("model", "column"), COLUMNS, ids=lambda one: getattr(one, "__name__", one))
def test_a_column_holds_words_of_the_vocabulary_and_nothing_only_where_it_may_be_untold(
    case: Any, model: type[Any], column: str
) -> None:
    builders.settled()
    (row,) = model.objects.all()
    allowed = [*(NOT_ALWAYS_TOLD | ALWAYS_TOLD)[column], *([""] if column in NOT_ALWAYS_TOLD else [])]
    for slug in allowed:
        model.objects.filter(pk=row.pk).update(**{column: slug})
    for slug in {"of_next_year", *([] if "" in allowed else [""])}:
        with pytest.raises(IntegrityError), transaction.atomic():
            model.objects.filter(pk=row.pk).update(**{column: slug})


def test_words_of_a_later_release_are_shown_as_unknown_by_the_one_before_it(case: Any) -> None:
    """While both run, the later one has widened the columns and writes what this one does not know."""
    send_everything(RELEASES[:2])
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for model, column in COLUMNS:
            name = f"{model._meta.model_name}_{column}_told"
            cursor.execute(f"ALTER TABLE {model._meta.db_table} DROP CONSTRAINT {name}")
    for model in (Observation, Evidence):
        model.objects.update(mover="later_mover", area="later_area", environment="later_one", outcome="later_outcome")
    Total.objects.filter(mover="compaction").update(mover="later_mover", area="later_area", environment="later_one")
    page = Client().get("/kernels/").content.decode()
    assert "unknown" in page and "later_mover" not in page
    words = dict.fromkeys(("status", "mechanism", "kind", "time_bound"), "later")
    Case.objects.update(**words, mechanisms=["later"], controllers=["later"], areas=["later"])
    Strategy.objects.update(approach="later", state="later")
    Serving.objects.update(effect="later")
    Effect.objects.create(case=case, effect="later", manner="later", standing="later")
    Event.objects.create(verb="case.later", subject_kind="case", subject=case.slug)
    assert broken() == {}


def test_a_text_of_a_later_release_takes_no_page_down_but_its_own(case: Any) -> None:
    """Its file is loaded while this release still answers; what it says in a newer way cannot be read here."""
    send_everything(RELEASES[:1])
    for revision in Revision.objects.all():
        later = revision.text.replace('status: "open"', 'status: "later"').replace('approach: "', 'approach: "later')
        Revision.objects.filter(pk=revision.pk).update(text=later)
    assert broken() == {}
