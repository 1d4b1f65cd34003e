"""A lab's round by the Python client that `openapi-python-client` made of the document: send, and read every list.

python round.py ADDRESS TOKEN, with the generated package `generated` beside it. Printed: what it did.
"""

import json
import sys
import time
import uuid
from io import BytesIO
from typing import Any

from generated import AuthenticatedClient, models
from generated.api.affected import affected
from generated.api.cases import case, case_comments, case_evidence, cases, say_of_case
from generated.api.compare import compare
from generated.api.diagnose import diagnose
from generated.api.events import events
from generated.api.kernels import kernel, kernels
from generated.api.machines import add_machine, machine, machines, make_token, revoke_token, rotate_token, tokens
from generated.api.reports import report, reports, send_batch, send_kernel_log, send_ktap, send_report
from generated.api.strategies import strategies, strategy, strategy_comments
from generated.api.whoami import whoami
from generated.types import UNSET, File, Unset

KTAP = b"KTAP version 1\n1..1\nok 1 mm: migration\n"
LOG = b"[<0>] folio_wait_writeback+0x2b/0x80\n[<0>] migrate_pages_batch+0x5e2/0xba0\n[<0>] offline_pages+0x4b2/0x750\n"
RELEASE = "6.18.44"


def native(run_id: str) -> dict[str, Any]:
    run = {
        "case": "fuse-writeback",
        "mover": "compaction",
        "area": "migrate_movable",
        "outcome": "hangs",
        "control": {"nr_pages": 16, "nr_moved": 16},
        "target": {"nr_pages": 16, "nr_moved_while_held": 0, "nr_moved_after_release": 16},
        "attempt": {"returned": False},
    }
    return {
        "format": "unmigratable-report",
        "version": 1,
        "run_id": run_id,
        "kernel": {"release": RELEASE, "architecture": "x86_64"},
        "environment": "guest",
        "runs": [run],
        "origin": {"job_url": "https://ci.example.org/1"},
    }


def file(body: bytes) -> File:
    return File(payload=BytesIO(body))


def send(client: AuthenticatedClient, mark: str) -> models.Receipt:
    body = models.NativeReport.from_dict(native(f"{mark}-native"))
    taken = send_report.sync(client=client, body=body)
    assert isinstance(taken, models.Receipt), taken
    again = send_report.sync(client=client, body=body)
    assert isinstance(again, models.Receipt) and again.id == taken.id
    other = models.NativeReport.from_dict(native(f"{mark}-tried"))
    tried = send_report.sync(client=client, body=other, dry_run=models.SendReportDryRun("1"))
    assert isinstance(tried, models.Trial) and tried.would == 202, tried
    wrapped = {"format": "ktap", "run_id": f"{mark}-batch2", "kernel": RELEASE, "architecture": "x86_64"}
    lines = [native(f"{mark}-batch1"), {**wrapped, "body": KTAP.decode()}]
    told = send_batch.sync(client=client, body=file("\n".join(map(json.dumps, lines)).encode()))
    assert isinstance(told, models.Batch) and [line.status for line in told.results] == [202, 202], told
    as_ktap = send_ktap.sync(
        client=client, body=file(KTAP), run_id=f"{mark}-ktap", kernel=RELEASE, architecture="x86_64"
    )
    as_log = send_kernel_log.sync(
        client=client, body=file(LOG), run_id=f"{mark}-log", kernel=RELEASE, architecture="x86_64"
    )
    assert isinstance(as_ktap, models.Receipt) and isinstance(as_log, models.Receipt), (as_ktap, as_log)
    return taken


def settled(client: AuthenticatedClient, taken: models.Receipt) -> models.Receipt:
    for _ in range(120):
        now = report.sync(taken.id, client=client)
        assert isinstance(now, models.Receipt), now
        if now.state == models.ReceiptState.SETTLED:
            return now
        time.sleep(0.5)
    raise AssertionError("it was not read within a minute")


def keep_machines(client: AuthenticatedClient, address: str, mark: str) -> None:
    """Adds a machine, sends as it, renews its token and takes the old one back."""
    name = f"board-{mark}"
    body = models.NewMachine(name=name, days=30)
    added = add_machine.sync(client=client, body=body)
    assert isinstance(added, models.MadeToken) and added.token.scopes == ["submit"], added
    board = AuthenticatedClient(base_url=address, token=added.secret)
    sent = send_report.sync(client=board, body=models.NativeReport.from_dict(native(f"{mark}-board")))
    assert isinstance(sent, models.Receipt) and sent.machine == name, sent
    assert isinstance(machine.sync(name, client=client), models.Machine)
    renewed = rotate_token.sync(name, added.token.token, client=client)
    assert isinstance(renewed, models.MadeToken), renewed
    more = make_token.sync(name, client=client, body=models.Rights(scopes=[models.RightsScopesItem.CURATE]))
    assert isinstance(more, models.MadeToken), more
    wider = make_token.sync(name, client=client, body=models.Rights(scopes=[models.RightsScopesItem.MACHINES]))
    assert isinstance(wider, models.Problem) and wider.status == 403, wider
    revoked = revoke_token.sync(name, added.token.token, client=client)
    assert isinstance(revoked, models.Token) and not revoked.opens, revoked
    gone = whoami.sync(client=board)
    assert isinstance(gone, models.Problem) and gone.status == 401, gone
    listed = tokens.sync(name, client=client)
    assert isinstance(listed, models.TokenPage) and [one.opens for one in listed.results] == [True, True, False]


def read_all(client: AuthenticatedClient, mark: str) -> dict[str, int]:
    found = {}
    mine = reports.sync(client=client, run_id=f"{mark}-native")
    assert isinstance(mine, models.ReportPage) and len(mine.results) == 1 and mine.next_ is UNSET, mine
    seen = 0
    cursor: str | Unset = UNSET
    while True:
        page = reports.sync(client=client, kernel=RELEASE, limit=2, cursor=cursor)
        assert isinstance(page, models.ReportPage), page
        seen += len(page.results)
        if not isinstance(page.next_, str):
            break
        cursor = page.next_.partition("cursor=")[2].partition("&")[0].replace("%3A", ":")
    assert seen >= 5, seen
    found["reports"] = seen
    for name, got in {
        "cases": cases.sync(client=client),
        "evidence": case_evidence.sync("fuse-writeback", client=client, outcome=models.CaseEvidenceOutcome.HANGS),
        "comments": case_comments.sync("fuse-writeback", client=client),
        "strategies": strategies.sync(client=client),
        "kernels": kernels.sync(client=client),
        "affected": affected.sync(client=client, kernel=RELEASE),
        "events": events.sync(client=client),
        "machines": machines.sync(client=client),
    }.items():
        assert got is not None and not isinstance(got, models.Problem | str), (name, got)
        found[name] = len(got.results)
    return found


def main() -> None:
    client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])
    mark = uuid.uuid4().hex[:8]
    who = whoami.sync(client=client)
    assert isinstance(who, models.WhoAmI) and who.machine == "bench", who
    now = settled(client, send(client, mark))
    said = say_of_case.sync("fuse-writeback", client=client, body=models.Saying(text=f"Seen by {mark}."))
    assert isinstance(said, models.Comment), said
    keep_machines(client, sys.argv[1], mark)
    assert isinstance(now.evidence, list) and now.evidence[0].case == "fuse-writeback", now
    read = diagnose.sync(client=client, body=file(LOG))
    assert isinstance(read, models.Diagnosis) and read.findings, read
    one = case.sync("fuse-writeback", client=client)
    assert isinstance(one, models.OneCase), one
    build = kernel.sync(RELEASE, client=client)
    assert isinstance(build, models.OneKernel) and build.measured, build
    both = compare.sync(client=client, a=RELEASE, b=RELEASE)
    assert isinstance(both, models.Comparison), both
    ways = strategies.sync(client=client)
    assert isinstance(ways, models.StrategyPage)
    first = ways.results[0].strategy
    assert isinstance(strategy.sync(first, client=client), models.OneStrategy)
    assert isinstance(strategy_comments.sync(first, client=client), models.CommentPage)
    print("python:", read_all(client, mark))


main()
