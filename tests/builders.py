"""Plain builders of what tests need. Every one gives something whole; arguments change one thing."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

from django.core import mail

from catalog.models import Case, Strategy
from catalog.models.text import Origin
from catalog.revisions import store
from people.access import machines
from people.accounts import outbox
from people.models import Machine, Role, User
from reports.intake import inbox, submission
from reports.models import Report
from reports.recorded.files import Recording
from reports.worker import ingest

_numbers = itertools.count(1)


def run(case: str = "fuse-writeback", **changed: Any) -> dict[str, Any]:
    """One run as a probe sends it: 16 held pages that did not move, and a mover that slept."""
    return {
        "case": case,
        "mover": "compaction",
        "area": "migrate_movable",
        "outcome": "hangs",
        "control": {"nr_pages": 16, "nr_moved": 15},
        "target": {"nr_pages": 16, "nr_moved_by_hold": 0, "nr_moved_while_held": 0, "nr_moved_after_release": 16},
        "attempt": {"returned": False},
        "freed_seconds": 0.2,
        **changed,
    }


def moving_run(case: str = "fuse-writeback", **changed: Any) -> dict[str, Any]:
    target = {"nr_pages": 16, "nr_moved_by_hold": 0, "nr_moved_while_held": 16, "nr_moved_after_release": 16}
    made = run(case, outcome="moves", target=target, attempt={"returned": True, "seconds": 0.1}, **changed)
    made.pop("freed_seconds", None)
    return made


def envelope(*runs: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A whole report; a run id of its own unless one is given."""
    return {
        "format": "unmigratable-report",
        "version": 1,
        "run_id": f"test-run-{next(_numbers):08}",
        "kernel": {"release": "6.18.44", "architecture": "x86_64"},
        "environment": "host",
        "runs": list(runs) or [run()],
        **changed,
    }


def body(*runs: dict[str, Any], **changed: Any) -> bytes:
    return json.dumps(envelope(*runs, **changed)).encode()


def person(name: str = "", role: str = Role.CONTRIBUTOR) -> User:
    return User.objects.create_user(name or f"person-{next(_numbers)}", password="a long password", role=role)


def token(name: str = "box", owner: User | None = None, **given: Any) -> str:
    """A machine's secret; makes the machine too."""
    return machines.add(name, owner or person(), **{"trusted": True, **given})


def machine(name: str = "box") -> Machine:
    token(name)
    return Machine.objects.get(name=name)


def report(*runs: dict[str, Any], sender: Machine | None = None, **changed: Any) -> Report:
    """A report that was taken, and waits."""
    by = sender or Machine.objects.filter(name="box").first() or machine()
    return inbox.take(submission.native(by, body(*runs, **changed)))[0]


def settled(*runs: dict[str, Any], **changed: Any) -> Report:
    made = report(*runs, **changed)
    ingest.drain()
    made.refresh_from_db()
    return made


def recorded(one: Recording) -> Report:
    """A report of this project's own, read."""
    sender = Machine.objects.filter(name=one.machine).first() or machine(one.machine)
    made = inbox.take(submission.native(sender, one.body, one))[0]
    ingest.drain()
    made.refresh_from_db()
    return made


def case_text(slug: str = "fuse-writeback", body: str = "A summary.", **head: Any) -> str:
    fields: dict[str, Any] = {
        "case": slug,
        "title": f"The case {slug}",
        "kind": "case",
        "status": "open",
        "mechanism": "writeback",
        "controllers": ["unprivileged_user"],
        "bounds": {"time": "unbounded"},
        "subsystems": ["FUSE"],
        **head,
    }
    lines = [f"{name}: {json.dumps(value)}" for name, value in fields.items() if value is not None]
    return "\n".join(["---", *lines, "---", "", body, ""])


def strategy_text(slug: str = "a-strategy", cases: tuple[str, ...] = ("fuse-writeback",), **head: Any) -> str:
    fields: dict[str, Any] = {
        "strategy": slug,
        "title": f"The strategy {slug}",
        "approach": "bound_time",
        "states": [{"state": "idea"}],
        "cases": [{"case": case, "effect": "helps", "why": "It ends the wait."} for case in cases],
        **head,
    }
    lines = [f"{name}: {json.dumps(value)}" for name, value in fields.items() if value is not None]
    return "\n".join(["---", *lines, "---", "", "A summary.", ""])


def case(slug: str = "fuse-writeback", **head: Any) -> Case:
    store.save(case_text(slug, **head), origin=Origin.FILE)
    return Case.objects.get(slug=slug)


def strategy(slug: str = "a-strategy", cases: tuple[str, ...] = ("fuse-writeback",), **head: Any) -> Strategy:
    store.save(strategy_text(slug, cases, **head), origin=Origin.FILE)
    return Strategy.objects.get(slug=slug)


def delivered() -> list[Any]:
    """All mail that was sent, after the worker went its round."""
    outbox.send_due()
    return list(mail.outbox)


def link_in_mail(path: str) -> str:
    """The path of the link in the last mail, which begins with `path`."""
    last = str(delivered()[-1].body)
    found = re.search(rf"http://127\.0\.0\.1:8000({re.escape(path)}\S+)", last)
    assert found, last
    return found[1]
