"""More followers of one case than one slice, real workers, and SIGKILL twice in the middle: nobody gets a mail twice.

A mail costs some 20 ms of a worker's CPU, so ten thousand would be minutes of it, and would show nothing else.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.db import connection

from discussion.comments import threads
from mailing.models import Cadence, Follow, Kind, Notice
from mailing.outbox import fan_out
from people.models import User
from tests import brokers, builders
from tests.mailing.sink import Sink, sinking
from tests.running import Nodes, descendants, until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
FOLLOWERS = fan_out.FOLLOWS_AT_ONCE + 200
KILLED_AT = (200, 700)


def resident_bytes(nodes: Nodes) -> int:
    """Of the largest process of the worker."""
    process = nodes.programs["errands"].process
    assert process is not None
    sizes = [0]
    for pid in {process.pid, *descendants(process.pid)}:
        try:
            sizes.append(int((Path("/proc") / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        except OSError:
            continue  # ended meanwhile
    return max(sizes)


def test_each_has_one_row_that_ends_in_sent_or_in_doubt_and_none_is_sent_twice(tmp_path: Path) -> None:
    case = builders.case().document
    people = User.objects.bulk_create(User(username=f"p{n}", password="!") for n in range(FOLLOWERS))
    EmailAddress.objects.bulk_create(
        EmailAddress(user=one, email=f"{one.username}@example.org", verified=True, primary=True) for one in people
    )
    Follow.objects.bulk_create(
        Follow(user=one, kind=Kind.CASE, document=case, cadence=Cadence.AT_ONCE) for one in people
    )
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    url = f"{base}/{connection.settings_dict['NAME']}"
    broker = brokers.at(brokers.URLS["filesystem"], tmp_path / "var")
    sizes: list[tuple[int, int]] = []
    with sinking(Sink()) as sink:
        given = {"UNMIGRATABLE_SMTP": f"smtp://127.0.0.1:{sink.port}", "UNMIGRATABLE_MAIL_IN": "in.example.org"}
        threads.say(case, builders.person(), "It waits.")
        began = time.monotonic()
        nodes = Nodes(tmp_path / "var", url, only=("errands", "beat"), **broker.environment, **given)
        try:
            for number in KILLED_AT:
                until(lambda wanted=number: len(sink.got) >= wanted, 400, lambda: f"{len(sink.got)} came")  # type: ignore[misc]
                sizes.append((len(sink.got), resident_bytes(nodes)))
                nodes.programs["errands"].kill()
            open_ = Notice.objects.filter(state__in=["waiting", "sending"])
            until(lambda: Notice.objects.count() == FOLLOWERS and len(sink.got) > FOLLOWERS - 100, 400, "they stop")
            sizes.append((len(sink.got), resident_bytes(nodes)))
            until(lambda: not open_.exists(), 200, lambda: f"{open_.count()} are open")
            seconds = time.monotonic() - began
            time.sleep(1)
        finally:
            deaths = nodes.programs["errands"].deaths
            nodes.stop()
    states = Counter(Notice.objects.values_list("state", flat=True))
    came = Counter(one.to for one in sink.got)
    doubtful = set(Notice.objects.filter(state="in_doubt").values_list("user__username", flat=True))
    sent = set(Notice.objects.filter(state="sent").values_list("user__username", flat=True))
    print(f"\n{FOLLOWERS} followers: {dict(states)}; {seconds:.0f} s over {deaths} deaths")
    print("resident: " + ", ".join(f"{size / (1 << 20):.0f} MiB after {number}" for number, size in sizes))
    assert deaths >= 2 and Notice.objects.values("user").distinct().count() == FOLLOWERS
    assert set(states) <= {"sent", "in_doubt"} and states["in_doubt"] <= len(KILLED_AT)
    assert {f"{name}@example.org" for name in sent} <= came.keys()
    assert all(number == 1 for number in came.values()), "who is in doubt got it or not, and nobody got it twice"
    assert came.keys() <= {f"{name}@example.org" for name in sent | doubtful}
