"""`make faults`: the cluster under load, and one fault after another. After each the ledger adds up, or it ends with 1.

    python -m bench.cluster.faults [NAME …] [--seconds 30] [--per-second 15]

`--seconds` is how long a fault lasts that lasts; a round of load is so much longer. docs/reliability.md has the table.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable

from bench.cluster.load import Load, Seen
from bench.cluster.site import Cluster, cluster
from tests.running import until

FAULTS: dict[str, Callable[[Cluster, Seen, float], None]] = {}
# The last ones: after them the cluster is not what it was.
LAST = ("loss-of-the-primary",)


def fault(act: Callable[[Cluster, Seen, float], None]) -> Callable[[Cluster, Seen, float], None]:
    FAULTS[act.__name__.replace("_", "-")] = act
    return act


@fault
def kill_each(site: Cluster, seen: Seen, seconds: float) -> None:
    """kill -9 of every program in turn, twice a minute and faster; each is started again by who keeps it."""
    names = [name for name in site.kept if name != "db2"]
    for name in names:
        site.kept[name].kill()
        time.sleep(max(1.0, seconds / len(names)))


@fault
def database_restart(site: Cluster, seen: Seen, seconds: float) -> None:
    """A fast shutdown, as an upgrade of the server does it."""
    process = site.kept[site.primary].process
    assert process is not None
    process.send_signal(signal.SIGINT)


@fault
def broker_restart(site: Cluster, seen: Seen, seconds: float) -> None:
    site.kept["broker"].kill()
    until(site.broker_answers, 180, "the broker does not come back")


@fault
def broker_wiped(site: Cluster, seen: Seen, seconds: float) -> None:
    """Killed, and its folder gone: it comes back without queues and messages."""
    broker = site.kept.pop("broker")
    broker.stop()
    shutil.rmtree(site.folder / "mq", ignore_errors=True)
    time.sleep(2)
    site.start_broker()


@fault
def broker_memory_alarm(site: Cluster, seen: Seen, seconds: float) -> None:
    """It takes messages from nobody."""
    site.broker_control("set_vm_memory_high_watermark", "0.00001")
    time.sleep(seconds)
    site.broker_control("set_vm_memory_high_watermark", "0.4")


@fault
def network_cut(site: Cluster, seen: Seen, seconds: float) -> None:
    """Host b, with a web node, a worker, the errands and a beat, is off the network; nobody tells anybody."""
    site.hosts["b"].cut()
    time.sleep(seconds)
    site.hosts["b"].mend()


@fault
def worker_hangs_with_claims(site: Cluster, seen: Seen, seconds: float) -> None:
    """Stopped in the middle, longer than its lease, and then let go on: what it held was done by others meanwhile."""
    process = site.kept["ingest-a"].process
    assert process is not None
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(max(seconds, 12))
    os.killpg(process.pid, signal.SIGCONT)


@fault
def beat_that_sends_is_killed(site: Cluster, seen: Seen, seconds: float) -> None:
    """Of both beats the one that holds the lock, and kept from coming back: the other has to take over."""
    query = (
        "SELECT client_addr FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype='advisory' AND classid=98"
    )
    holder = site.sql(query).splitlines()
    assert len(holder) == 1, f"{len(holder)} beats send"
    name = next(name for name, host in site.hosts.items() if host.address == holder[0])
    site.kept[f"beat-{name}"].kill()
    other = "b" if name == "a" else "a"
    until(lambda: site.sql(query).splitlines(), 60, "no beat takes over")
    print(
        f"    the lock was at {name}, and is at {'the other' if site.sql(query) == site.hosts[other].address else name}"
    )


@fault
def idle_connections(site: Cluster, seen: Seen, seconds: float) -> None:
    """A thousand that say nothing, and a hundred that send a byte a second."""
    lines = []
    with contextlib.suppress(OSError):
        for _ in range(1_100):
            lines.append(socket.create_connection((site.front, 443), 5))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for line in lines[:100]:
            with contextlib.suppress(OSError):
                line.send(b"\x16")
        time.sleep(1)
    for line in lines:
        line.close()


@fault
def database_disk_full(site: Cluster, seen: Seen, seconds: float) -> None:
    """What is left of the primary's own file system is taken by one file, until it is removed."""
    ballast = site.folder / site.primary / "ballast"
    room = shutil.disk_usage(ballast.parent)
    if room.total > 2 << 30:
        raise LookupError("the primary has no small file system of its own")
    with contextlib.suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(b"\0" * 65_536)
            file.flush()
    time.sleep(seconds)
    ballast.unlink()


@fault
def loss_of_the_primary(site: Cluster, seen: Seen, seconds: float) -> None:
    """Its host is off the network and its server dead; ten seconds later somebody promotes the replica."""
    site.hosts["db1"].cut()
    site.kept.pop("db1").stop()
    time.sleep(10)
    site.promote()


def row(name: str, seen: Seen, wrong: list[str]) -> str:
    answers, told = (
        ", ".join(f"{count} × {code}" for code, count in sorted(some.items()) if code not in ("200", "202")) or "none"
        for some in (seen.answers, seen.pages)
    )
    rest = seen.settled_at - max(seen.acknowledged.values(), default=0.0)
    cells = (
        *(name.replace("-", " "), f"{len(seen.acknowledged)} of {seen.sent}", answers),
        *(f"{told} of {seen.pages.total()}", str(seen.without_retry), f"{seen.longest_gap():.1f}", f"{rest:.1f}"),
        ", ".join(wrong) or "nothing",
    )
    return f"| {' | '.join(cells)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*FAULTS, []])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--per-second", type=float, default=15.0)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = given.names or [*(name for name in FAULTS if name not in LAST), *LAST]
    failed = False
    with cluster() as site:
        load = Load(site)
        print("| fault | reports acknowledged | refused meanwhile, and sent again | pages that were not 200 "
              "| of these without Retry-After | longest time without a receipt, s "
              "| all settled after the last receipt, s | wrong |")  # fmt: skip
        print("|---|--:|---|---|--:|--:|--:|---|", flush=True)
        for name in names:
            number = int(given.per_second * (given.seconds + 15))
            try:
                seen = load.run(number, given.per_second, lambda seen, act=FAULTS[name]: act(site, seen, given.seconds))  # type: ignore[misc]
            except LookupError as error:
                print(f"| {name.replace('-', ' ')} | not run: {error} |")
                continue
            wrong = load.judged(seen)
            failed |= bool(wrong)
            print(row(name, seen, wrong), flush=True)
    print("WRONG" if failed else "after each fault the ledger added up")
    return failed


if __name__ == "__main__":
    sys.exit(main())
