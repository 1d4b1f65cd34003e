"""Hosts made of network namespaces: an address each, on a bridge of their own that leads nowhere else. Needs root.

with hosts.network() as made:      removed at the end, whatever happened; what an earlier run left goes first
    made["a"].run(["ping", …])     a command line as it is run on that host

Several of them at once are told apart by CLUSTER in the environment: 7 if nothing is said, of 1 to 99.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

CLUSTER = int(os.environ.get("CLUSTER", "7"))
BRIDGE, MARK, NET = f"umgbr{CLUSTER}", f"umg{CLUSTER}-", f"10.213.{CLUSTER}"
NUMBERS = {"a": 11, "b": 12, "db1": 21, "db2": 22, "mq": 31, "front": 41}


@dataclass(frozen=True)
class Host:
    name: str

    @property
    def space(self) -> str:
        return MARK + self.name

    @property
    def address(self) -> str:
        return f"{NET}.{NUMBERS[self.name]}"

    @property
    def _end(self) -> str:
        return f"umgv{CLUSTER}-{self.name}"

    def run(self, command: Sequence[str], user: str = "") -> list[str]:
        """`command` as it is run on this host, as this user; it is ended with whoever started it."""
        asked = ["setpriv", "--pdeathsig", "KILL"]
        if user:
            asked += ["--reuid", user, "--regid", user, "--init-groups"]
        return ["ip", "netns", "exec", self.space, *asked, *command]

    def cut(self) -> None:
        """Off the network, without a word to anybody, as when a cable is pulled."""
        ip("link", "set", self._end, "down")

    def mend(self) -> None:
        ip("link", "set", self._end, "up")


def ip(*arguments: str, may_fail: bool = False) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode and not may_fail:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _end_all(space: str) -> None:
    """What made itself independent of who started it, as Erlang's port mapper does, would hold the namespace."""
    done = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True, check=False)
    for pid in done.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def _remove() -> None:
    for name in NUMBERS:
        _end_all(MARK + name)
        ip("link", "del", Host(name)._end, may_fail=True)
        ip("netns", "del", MARK + name, may_fail=True)
    ip("link", "del", BRIDGE, may_fail=True)


@contextmanager
def undisturbed() -> Iterator[None]:
    """What takes things away is not ended half way: a second Ctrl-C waits until it has."""
    before = {one: signal.signal(one, signal.SIG_IGN) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, act in before.items():
            signal.signal(one, act)


@contextmanager
def network() -> Iterator[dict[str, Host]]:
    _remove()
    try:
        ip("link", "add", "name", BRIDGE, "type", "bridge")
        ip("addr", "add", f"{NET}.1/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for host in (made := {name: Host(name) for name in NUMBERS}).values():
            ip("netns", "add", host.space)
            ip("link", "add", host._end, "type", "veth", "peer", "name", "eth0", "netns", host.space)
            ip("link", "set", host._end, "master", BRIDGE, "up")
            ip("-n", host.space, "addr", "add", f"{host.address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                ip("-n", host.space, "link", "set", device, "up")
        yield made
    finally:
        with undisturbed():
            _remove()
