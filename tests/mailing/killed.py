"""Many followers of one case, a real worker, and SIGKILL while it writes rows and while it sends.

For tests/mailing/test_killed.py, and with more of them for `make bench-followers`.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from allauth.account.models import EmailAddress
from django.db.models import Count

from discussion.comments import threads
from mailing.models import Cadence, Follow, Kind, Notice
from people.models import User
from tests import brokers, builders
from tests.mailing.sink import Sink, sinking
from tests.running import Nodes, descendants, until

MIB = 1 << 20


@dataclass
class Told:
    """What became of one event. `sizes`: how many mails had come, and the bytes of the worker's largest process."""

    nr_followers: int
    states: Counter[str] = field(default_factory=Counter)
    sent: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    came: Counter[str] = field(default_factory=Counter)
    most_rows_of_one: int = 0
    nr_kills: int = 0
    nr_deaths: int = 0
    seconds: float = 0.0
    sizes: list[tuple[int, int]] = field(default_factory=list)

    def __str__(self) -> str:
        twice = sum(1 for number in self.came.values() if number > 1)
        sizes = ", ".join(f"{size / MIB:.0f} after {number}" for number, size in self.sizes)
        return (
            f"{self.nr_followers} followers: {dict(self.states)}; {self.came.total()} came to {len(self.came)} "
            f"addresses, twice to {twice}\n{self.seconds:.0f} s, {self.came.total() / self.seconds:.0f} mails/s over "
            f"{self.nr_kills} kills\nlargest process of the worker, MiB resident: {sizes}"
        )

    def faults(self) -> list[str]:
        """Empty where each follower has one row that ends in sent or in doubt, and nobody got it twice."""
        addresses = {f"p{n}@example.org" for n in range(self.nr_followers)}
        said = {
            "somebody has no row, or two": self.states.total() != self.nr_followers or self.most_rows_of_one != 1,
            "a row is open, or was given up": not set(self.states) <= {Notice.State.SENT, Notice.State.IN_DOUBT},
            "more are in doubt than were killed at": self.states[Notice.State.IN_DOUBT] > self.nr_kills,
            "a mail came twice": any(number > 1 for number in self.came.values()),
            "what was sent did not come": not self.sent <= self.came.keys(),
            "what came is neither sent nor in doubt": not self.came.keys() <= self.sent | self.doubtful,
            "it came to somebody else": not self.came.keys() <= addresses,
            "it was not killed": self.nr_deaths < self.nr_kills,
        }
        return [sentence for sentence, is_so in said.items() if is_so]


def tell(nr_followers: int, killed_at: Sequence[int], url: str, folder: Path, patience_seconds: float = 400.0) -> Told:
    """Tells so many of one comment, in the database of this process, which is at `url`. The worker is killed when the
    first slice of rows is written and the last is not, if it is met there, and each time that so many mails came."""
    _follow(nr_followers)
    broker = brokers.at(brokers.URLS["filesystem"], folder)
    made = Told(nr_followers)
    with sinking(Sink()) as sink:
        given = {"UNMIGRATABLE_SMTP": f"smtp://127.0.0.1:{sink.port}", "UNMIGRATABLE_MAIL_IN": "in.example.org"}
        began = time.monotonic()
        nodes = Nodes(folder, url, only=("errands", "beat"), **broker.environment, **given)
        try:
            until(Notice.objects.exists, patience_seconds, "no row is written")
            if Notice.objects.count() < nr_followers:
                _kill(nodes, made)
            for number in killed_at:
                _sent(sink, number, nodes, made, patience_seconds)
                _kill(nodes, made)
            _sent(sink, nr_followers - made.nr_kills, nodes, made, patience_seconds)
            until(lambda: not _nr_open(nr_followers), 200, lambda: f"{_nr_open(nr_followers)} rows are open")
            made.seconds = time.monotonic() - began
            made.sizes.append((len(sink.got), _resident_bytes(nodes)))
            time.sleep(1)  # what comes once more would come now
        finally:
            made.nr_deaths = nodes.programs["errands"].deaths
            nodes.stop()
        made.came = Counter(one.to for one in sink.got)
    made.states = Counter(Notice.objects.values_list("state", flat=True))
    made.most_rows_of_one = Notice.objects.values("user").annotate(nr=Count("pk")).order_by("-nr")[0]["nr"]
    made.sent = _addresses(Notice.State.SENT)
    made.doubtful = _addresses(Notice.State.IN_DOUBT)
    return made


def _follow(nr_followers: int) -> None:
    case = builders.case().document
    people = User.objects.bulk_create(User(username=f"p{n}", password="!") for n in range(nr_followers))
    EmailAddress.objects.bulk_create(
        EmailAddress(user=one, email=f"{one.username}@example.org", verified=True, primary=True) for one in people
    )
    Follow.objects.bulk_create(
        Follow(user=one, kind=Kind.CASE, document=case, cadence=Cadence.AT_ONCE) for one in people
    )
    threads.say(case, builders.person(), "It waits.")


def _kill(nodes: Nodes, made: Told) -> None:
    nodes.programs["errands"].kill()
    made.nr_kills += 1


def _sent(sink: Sink, wanted: int, nodes: Nodes, made: Told, patience_seconds: float) -> None:
    """Waits until so many came. The size of the worker is noted once in a tenth of all."""
    step = max(1, made.nr_followers // 10)

    def come() -> bool:
        if len(sink.got) // step > (made.sizes[-1][0] // step if made.sizes else 0):
            made.sizes.append((len(sink.got), _resident_bytes(nodes)))
        return len(sink.got) >= wanted

    until(come, patience_seconds, lambda: f"{len(sink.got)} came, and not {wanted}")


def _nr_open(nr_followers: int) -> int:
    settled = Notice.objects.exclude(state__in=[Notice.State.WAITING, Notice.State.SENDING])
    return nr_followers - settled.count()


def _resident_bytes(nodes: Nodes) -> int:
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


def _addresses(state: str) -> set[str]:
    names = Notice.objects.filter(state=state).values_list("user__username", flat=True)
    return {f"{name}@example.org" for name in names}
