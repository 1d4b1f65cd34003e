"""`make faults`: the cluster under load, and one fault after another. After each the ledger adds up, or it ends with 1.

    python -m bench.cluster.faults [NAME[=SECONDS] …] [--seconds 30] [--per-second 15] [--broker redis] [--from COMMIT]

`--seconds` is how long a fault lasts that lasts; a round of load is so much longer. `--from` starts the cluster with
another release, for rolling-upgrade alone. docs/reliability.md has the table.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from bench.cluster import line
from bench.cluster.load import Load, Seen
from bench.cluster.site import BROKERS, Given, cluster
from tests.diagnosis.adversarial import TEXTS
from tests.running import ROOT, until

Fault = Callable[[Load, Seen, float], None]
FAULTS: dict[str, Fault] = {}
# The last ones: after them the cluster is not what it was.
LAST = ("loss-of-the-primary",)
KILL_EVERY_SECONDS = 30.0


def fault(act: Fault) -> Fault:
    FAULTS[act.__name__.replace("_", "-")] = act
    return act


@fault
def kill_each(load: Load, seen: Seen, seconds: float) -> None:
    """kill -9 of every program in turn: each once at least, twice a minute where there is time. Each is started again
    by who keeps it."""
    _kill(load, seen, [name for name in load.site.kept if name != "db2"], seconds)


@fault
def kill_workers_and_web(load: Load, seen: Seen, seconds: float) -> None:
    """kill -9 of both web nodes and all workers in turn, twice a minute where there is time."""
    _kill(load, seen, ["ingest-a", "web-a", "ingest-b", "web-b", "errands-b"], seconds)


def _kill(load: Load, seen: Seen, names: list[str], seconds: float) -> None:
    kills = max(len(names), round(seconds / KILL_EVERY_SECONDS))
    for number in range(kills):
        load.site.kept[names[number % len(names)]].kill()
        time.sleep(max(1.0, seconds / kills))
    seen.notes.append(f"{kills} kills of {len(names)} programs")


@fault
def database_restart(load: Load, seen: Seen, seconds: float) -> None:
    """A fast shutdown, as an upgrade of the server does it."""
    process = load.site.kept[load.site.primary].process
    assert process is not None
    process.send_signal(signal.SIGINT)


@fault
def broker_restart(load: Load, seen: Seen, seconds: float) -> None:
    load.site.kept["broker"].kill()
    until(load.site.broker_answers, 180, "the broker does not come back")


@fault
def broker_wiped(load: Load, seen: Seen, seconds: float) -> None:
    """Killed, and its folder gone: it comes back without queues and messages."""
    load.site.kept["broker"].stop()
    shutil.rmtree(load.site.folder / "mq", ignore_errors=True)
    time.sleep(2)
    load.site.start_broker()


@fault
def broker_memory_alarm(load: Load, seen: Seen, seconds: float) -> None:
    """It takes messages from nobody."""
    load.site.broker_refuses(True)
    try:
        time.sleep(seconds)
    finally:
        load.site.broker_refuses(False)


@fault
def network_cut(load: Load, seen: Seen, seconds: float) -> None:
    """Host b, with a web node, a worker, the errands and a beat, is off the network; nobody tells anybody."""
    load.site.hosts["b"].cut()
    try:
        time.sleep(seconds)
    finally:
        load.site.hosts["b"].mend()


@fault
def worker_hangs_with_claims(load: Load, seen: Seen, seconds: float) -> None:
    """Stopped in the middle, longer than its lease, and then let go on: what it held was done by others meanwhile."""
    process = load.site.kept["ingest-a"].process
    assert process is not None
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        time.sleep(max(seconds, 12))
    finally:
        os.killpg(process.pid, signal.SIGCONT)


@fault
def beat_that_sends_is_killed(load: Load, seen: Seen, seconds: float) -> None:
    """Of both beats the one that holds the lock, and kept from coming back: the other has to take over."""
    (name,) = _sends(load)
    load.site.kept[f"beat-{name}"].kill()
    until(lambda: _sends(load), 60, "no beat takes over")
    seen.notes.append(f"sends now: {'the same again' if _sends(load) == [name] else 'the other'}")


def _sends(load: Load) -> list[str]:
    """The hosts whose beats hold the lock: one."""
    query = (
        "SELECT client_addr FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype='advisory' AND classid=98"
    )
    names = {host.address: name for name, host in load.site.hosts.items()}
    return [names[address] for address in load.site.sql(query).splitlines()]


@fault
def idle_connections(load: Load, seen: Seen, seconds: float) -> None:
    """A thousand that say nothing, and a hundred that send a byte a second."""
    lines = []
    with contextlib.suppress(OSError):
        for _ in range(1_100):
            lines.append(socket.create_connection((load.site.front, 443), 5))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for one in lines[:100]:
            with contextlib.suppress(OSError):
                one.send(b"\x16")
        time.sleep(1)
    for one in lines:
        one.close()


@fault
def database_disk_full(load: Load, seen: Seen, seconds: float) -> None:
    """What is left of the primary's own file system is taken by one file, until it is removed."""
    ballast = load.site.folder / load.site.primary / "ballast"
    with _filled(ballast):
        time.sleep(seconds)


@fault
def proxy_disk_full(load: Load, seen: Seen, seconds: float) -> None:
    """Where the proxy keeps what is too large for its memory: batches meanwhile, of 200 reports each."""
    lines = [load.body(f"batch-{load.rounds}-{number}") for number in range(200)]
    answers = []
    with _filled(load.site.folder / "spool" / "ballast"):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            code, headers = load.ask("POST", "/api/v1/batch/", b"\n".join(lines), "application/x-ndjson")
            answers.append(code + ("" if "Retry-After" in headers else " without Retry-After"))
            time.sleep(1)
    code, _ = load.ask("POST", "/api/v1/batch/", b"\n".join(lines), "application/x-ndjson")
    seen.notes.append(f"batches: {', '.join(f'{answers.count(one)} × {one}' for one in set(answers))}; then {code}")


@contextlib.contextmanager
def _filled(ballast: Path) -> Iterator[None]:
    """One file that takes all that is left of its file system, for a while."""
    if shutil.disk_usage(ballast.parent).total > 2 << 30:
        raise LookupError("there is no small file system for it")
    try:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 65_536)
        yield
    finally:
        ballast.unlink()


@fault
def slow_line(load: Load, seen: Seen, seconds: float) -> None:
    """200 ms there and back to host b, and one packet in twenty lost each way."""
    with line.slowed(load.site.hosts["b"], seconds=0.1, loss=0.05) as pump:
        time.sleep(seconds)
    seen.notes.append(f"{pump.passed} packets passed, {pump.lost} lost")


@fault
def poisoned_reports(load: Load, seen: Seen, seconds: float) -> None:
    """Logs that are dear to read, nested JSON, bytes of nothing; from a machine that is trusted."""
    poison = {
        name: (make(200_000).encode(), "text/plain", "?kernel=6.18.44&architecture=x86_64")
        for name, make in TEXTS.items()
    }
    poison["nested"] = (b"[" * 100_000, "application/json", "")
    poison["a native one of no sense"] = (b'{"format": "unmigratable-report", "runs": [1e400]}', "application/json", "")
    poison["KTAP of no end"] = (
        b"KTAP version 1\n" * 10_000,
        "application/x-ktap",
        "?kernel=6.18.44&architecture=x86_64",
    )
    answers = []
    for body, kind, given in poison.values():
        answers.append(load.ask("POST", f"/api/v1/reports/{given}", body, kind)[0])
        time.sleep(seconds / len(poison))
    seen.notes.append(f"poison: {', '.join(f'{answers.count(one)} × {one}' for one in sorted(set(answers)))}")


@fault
def clock_jump(load: Load, seen: Seen, seconds: float) -> None:
    """The wall clock of all programs of host a is an hour ahead, then right again: theirs alone, by a small library."""
    if not shutil.which("gcc"):
        raise LookupError("there is no gcc")
    library, told = load.site.folder / "clock.so", load.site.folder / "clock"
    made = ["gcc", "-shared", "-fPIC", "-O2", "-o", str(library), str(ROOT / "bench" / "cluster" / "clock.c")]
    subprocess.run(made, check=True)
    told.write_text("0")
    set_by = {"LD_PRELOAD": str(library), "CLOCK_AHEAD": str(told)}
    names = [name for name in load.site.kept if name.endswith("-a")]
    for name in names:
        load.site.again(name, **set_by)
    until(load.site.is_up, 400, "a does not come up with a clock of its own")
    load.site.kept["beat-b"].end()
    until(lambda: _sends(load) == ["a"], 180, "the beat of a does not send")
    load.site.again("beat-b")
    ahead = "import time; print(time.time())"
    try:
        told.write_text("3600")
        named = [f"{name}={value}" for name, value in set_by.items()]
        told_by = float(load.site.once("a", ["env", *named, sys.executable, "-c", ahead]))
        seen.notes.append(f"a's clock: {told_by - time.time():.0f} s ahead")
        time.sleep(seconds)
        told.write_text("0")
        right = time.monotonic()
        # A sweep that is older than that was noted before the clock was right.
        until(lambda: 0 <= _swept_seconds(load) < time.monotonic() - right - 2, 120,
              lambda: f"no sweep since {_swept_seconds(load):.0f} s")  # fmt: skip
        took = time.monotonic() - right
        seen.notes.append(f"swept {took:.0f} s after it was right again, by the beat of {' '.join(_sends(load))}")
    finally:
        for name in names:
            load.site.again(name, LD_PRELOAD="")


def _swept_seconds(load: Load) -> float:
    """As node b tells it."""
    with urllib.request.urlopen(f"http://{load.site.hosts['b'].address}:8000/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("unmigratable_swept_seconds "))


@fault
def restored_while_sending(load: Load, seen: Seen, seconds: float) -> None:
    """A dump; reports go on coming; then the database is lost, and the dump restored, as docs/operations.md says, while
    senders try on. What was acknowledged between is lost with it, and sent again, as a lab's folder does it."""
    site = load.site
    dumped = time.monotonic() - seen.begun
    dump = site.manage("backup", str(site.folder / "moment.dump")).split()[0]
    time.sleep(5)
    _at_rest(load)
    begun = time.monotonic()
    site.sql("DROP DATABASE unmigratable WITH (FORCE)", "postgres")
    site.sql("CREATE DATABASE unmigratable", "postgres")
    lost = time.monotonic() - seen.begun  # until the drop is done web takes reports
    site.manage("restore", dump)
    _at_work(load)
    took = time.monotonic() - begun
    _send_again(seen, dumped, lost)
    seen.notes.append(f"restored in {took:.0f} s; {len(seen.again)} sent again")


@fault
def point_in_time(load: Load, seen: Seen, seconds: float) -> None:
    """Somebody deletes what they should not have; base backup and archived WAL bring back the moment before."""
    site = load.site
    site.base_backup("base")
    time.sleep(5)
    until_then, moment = time.monotonic() - seen.begun, site.sql("SELECT now()")
    time.sleep(1)
    site.sql("TRUNCATE reports_evidence CASCADE")
    site.sql("SELECT pg_switch_wal()")
    time.sleep(3)
    begun = time.monotonic()
    _at_rest(load)
    site.restore_to(moment)
    _at_work(load)
    took = time.monotonic() - begun
    _send_again(seen, until_then, begun + took - seen.begun)
    seen.notes.append(f"back at {moment[11:19]} after {took:.0f} s; {len(seen.again)} sent again")


@fault
def rolling_upgrade(load: Load, seen: Seen, seconds: float) -> None:
    """The release that the cluster began with to this one, as docs/operations.md says it: workers and beat rest, the
    lines of each release, web one node after the other, and all again. Somebody reads for long while it migrates.
    Before web is new, both nodes and a worker of the release before go on for a while, on what is new to them."""
    site, before = load.site, load.site.tree
    begun = time.monotonic()
    site.manage("backup", str(site.folder / "before.dump"))
    _at_rest(load)
    rested = time.monotonic()
    site.tree = ROOT
    upgraded = threading.Event()
    sender = threading.Thread(target=_send_on, args=(load, seen, upgraded))
    sender.start()
    try:
        _upgrade(load, seen, seconds, before)
    finally:
        upgraded.set()
        sender.join()
    took, without = time.monotonic() - begun, time.monotonic() - rested
    seen.notes.append(f"{took:.0f} s, of which workers of this release were away for {without:.0f}")


def _send_on(load: Load, seen: Seen, over: threading.Event) -> None:
    """Two reports a second for as long as it takes, beside those of the round."""
    while not over.wait(0.5):
        seen.sent += 1
        load.send_until_acknowledged(seen, f"upgrade-{load.rounds}-{seen.sent:06d}")


def _upgrade(load: Load, seen: Seen, seconds: float, before: Path) -> None:
    site = load.site
    site.manage("collectstatic", "--noinput", "-v0")
    site.manage("await_workers")
    over = threading.Event()
    reader = threading.Thread(target=_read_for_long, args=(load, over))
    reader.start()
    try:
        applied = site.manage("migrate").count("... OK")
    finally:
        over.set()
        reader.join()
    tried = site.told.count("tried again")
    site.manage("load_cases")
    site.tree = before
    site.again("ingest-a")
    end, old = time.monotonic() + seconds, Counter[str]()
    while time.monotonic() < end:
        for path in LOOKED_AT:
            code, _ = load.ask("GET", path)
            old[f"{code} {path}" if code != "200" else code] += 1
    site.kept["ingest-a"].end()
    site.tree = ROOT
    for name in ("web-a", "web-b"):
        site.kept[name].end()
        site.again(name)
        until(site.is_up, 400, lambda name=name: site.tail(name))  # type: ignore[misc]
        time.sleep(PROXY_FORGETS_SECONDS)
    _at_work(load)
    told = ", ".join(f"{count} × {what}" for what, count in sorted(old.items()))
    seen.notes.append(f"{applied} migrations, {tried} times tried again for a lock")
    seen.notes.append(f"the release before on the new schema: {told}")


# So long nginx asks no node that did not answer (`fail_timeout`). With the other node restarted before, there was none.
PROXY_FORGETS_SECONDS = 10.0
LOOKED_AT = ("/", "/cases/fuse-writeback/", "/cases/fuse-writeback/history/", "/kernels/", "/reports/", "/machines/",
             "/agenda/", "/strategies/", "/subsystems/", "/search/?q=fuse", "/diagnose/", "/sign-in/", "/readyz",
             "/reports/unmatched/", "/affected/?kernel=6.18.44", "/api/v1/cases/", "/api/v1/events/?limit=5",
             "/api/v1/cases/fuse-writeback/evidence/?limit=5", "/feed.atom")  # fmt: skip


def _read_for_long(load: Load, over: threading.Event) -> None:
    """Two tables, until somebody has waited for one of them for longer than a migration may."""
    site = load.site
    host, password = site.hosts[site.primary].address, site.secret("database-password")
    with psycopg.connect(host=host, user="unmigratable", dbname="unmigratable", password=password) as reader:
        reader.execute("LOCK TABLE catalog_tally, reports_evidence IN ACCESS SHARE MODE")
        while not over.wait(0.5):
            if site.sql("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'") != "0":
                over.wait(5)
                return


def _resting(load: Load) -> list[str]:
    return [name for name in load.site.kept if name.startswith(("ingest-", "errands-", "beat-"))]


def _at_rest(load: Load) -> None:
    """Workers and beat, as an operator stops them: they finish what they have."""
    for name in _resting(load):
        load.site.kept[name].end()


def _at_work(load: Load) -> None:
    for name in _resting(load):
        load.site.again(name)


def _send_again(seen: Seen, after: float, before: float) -> None:
    seen.again = [run for run, at in list(seen.acknowledged.items()) if after <= at <= before]
    for run in seen.again:
        del seen.acknowledged[run]


@fault
def loss_of_the_primary(load: Load, seen: Seen, seconds: float) -> None:
    """Its host is off the network and its server dead; ten seconds later somebody promotes the replica."""
    load.site.hosts["db1"].cut()
    load.site.kept["db1"].stop()
    del load.site.kept["db1"]
    time.sleep(10)
    load.site.promote()


def row(name: str, seen: Seen, wrong: list[str]) -> str:
    answers, told = (
        ", ".join(f"{count} × {code}" for code, count in sorted(some.items()) if code not in ("200", "202")) or "none"
        for some in (seen.answers, seen.pages)
    )
    rest = seen.settled_at - max(seen.acknowledged.values(), default=0.0)
    cells = (
        *(name.replace("-", " "), f"{len(seen.acknowledged)} of {seen.sent}", answers),
        *(f"{told} of {seen.pages.total()}", str(seen.without_retry), f"{seen.longest_gap():.1f}", f"{rest:.1f}"),
        "; ".join(seen.notes),
        ", ".join(wrong) or "nothing",
    )
    return f"| {' | '.join(cells)} |"


def known(given: str) -> str:
    """A fault as a command line names it: NAME, or NAME=SECONDS."""
    name, _, seconds = given.partition("=")
    if name not in FAULTS or not (seconds or "0").isdecimal():
        raise argparse.ArgumentTypeError(f"{given}: NAME or NAME=SECONDS, of {', '.join(FAULTS)}")
    return given


def on(load: Load, names: list[str], seconds: float, per_second: float) -> bool:
    """One after the other, each with a row of the table; whether all held."""
    print("| fault | reports acknowledged | refused meanwhile, and sent again | pages that were not 200 "
          "| of both without Retry-After | longest time without a receipt, s "
          "| all settled after the last receipt, s | | wrong |")  # fmt: skip
    print("|---|--:|---|---|--:|--:|--:|---|---|", flush=True)
    held = True
    for given in names:
        name, _, own = given.partition("=")
        act, lasts = FAULTS[name], float(own or seconds)
        number = int(per_second * (lasts + 15))
        try:
            seen = load.run(number, per_second, lambda seen, act=act, lasts=lasts: act(load, seen, lasts))  # type: ignore[misc]
        except LookupError as error:
            print(f"| {name.replace('-', ' ')} | not run: {error} | | | | | | | |")
            continue
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            held = False
            print(f"| {name.replace('-', ' ')} | the fault itself failed: {error} | | | | | | | |", flush=True)
            continue
        wrong = load.judged(seen)
        held &= not wrong
        print(row(name, seen, wrong), flush=True)
    print("after each fault the ledger added up" if held else "WRONG")
    return held


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", type=known)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--per-second", type=float, default=15.0)
    parser.add_argument("--broker", choices=BROKERS, default=BROKERS[0])
    parser.add_argument("--from", dest="commit", metavar="COMMIT", default="")
    given = parser.parse_args()
    if given.commit and given.names != ["rolling-upgrade"]:
        parser.error("--from is for rolling-upgrade alone")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = given.names or [*(name for name in FAULTS if name not in LAST), *LAST]
    with cluster(Given(small_disks=True, broker=given.broker, commit=given.commit)) as site:
        held = on(Load(site), names, given.seconds, given.per_second)
    return not held


if __name__ == "__main__":
    sys.exit(main())
