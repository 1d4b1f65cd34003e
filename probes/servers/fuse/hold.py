"""The probe's side of a FUSE hold: starts server and watcher, gives orders, notices when one is gone."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from probes.children import watch
from probes.children.processes import Blocked, Child, Lines, look_at, start
from probes.errors import CannotRun, Disturbed
from probes.kernel import syscalls
from probes.servers.fuse import mount, protocol, server

_START_SECONDS = 5.0
_SOON_SECONDS = 1.0
_LIFE_SECONDS, _LIFE_SECONDS_IN_A_GUEST = 90.0, 330.0  # there staging memory took 111 s, before anything is held
_MOST_HOLD_SECONDS_ELSEWHERE = 15.0  # probes.command.check lets no run on a machine in use hold longer
SERVER_GRACE_SECONDS = 1.0
WATCHER_GRACE_SECONDS = 2.0


@dataclass
class FuseHold:
    """A mounted file whose server can be told to withhold one kind of answer.

    `aborted`: the kernel ended the connection over what was withheld, as it does where requests have a time limit.
    That is an answer only to who `minds_no_abort`; for all others the hold is not what it was.
    """

    control: Lines
    server: Child
    watch: Lines
    watcher: Child
    mountpoint: str
    withheld: int = 0
    gave_up: bool = False
    released: bool = False
    aborted: bool = False
    minds_no_abort: bool = False

    @property
    def path(self) -> str:
        return os.path.join(self.mountpoint, protocol.FILE_NAME)

    def open(self, flags: int) -> int:
        return os.open(self.path, flags | os.O_CLOEXEC)

    def withhold(self, opcode: int) -> None:
        """From now on the server sits on requests of this kind, and the watcher's clock runs."""
        self.withheld, self.released = 0, False
        self._tell(self.watch, {"hold": True})
        self._tell(self.control, {"withhold": opcode})

    def wait_withheld(self, seconds: float, least: int = 1) -> int:
        """How many requests are withheld, as soon as there are so many; fewer after `seconds`."""
        self._wait(lambda: self.withheld >= least, seconds)
        return self.withheld

    def release(self) -> None:
        """Answer all that is withheld; returns when the answers are written."""
        self._tell(self.control, {"release": True})
        if self._wait(lambda: self.released, _SOON_SECONDS):
            self._tell(self.watch, {"released": True})
            return
        seen = look_at(self.server.pid)
        try:
            released = self._wait(lambda: self.released, _START_SECONDS)
        except Disturbed as error:
            raise Disturbed("%s; when it was to release, it %s" % (error, _told(seen))) from None
        if not released:
            raise Disturbed("the server did not release within %g s; it %s" % (_START_SECONDS, _told(seen)))
        self._tell(self.watch, {"released": True})

    def facts(self) -> Dict[str, Any]:
        return {"connection_ended_by_kernel": True} if self.aborted else {}

    def check(self) -> None:
        """Raises Disturbed where the hold is not what it was: server or watcher gone, or time over."""
        self._pump(0.0)

    def close(self) -> None:
        """End the connection. The server goes first, so that no close() of a file can wait for it."""
        ended = self.server.end()
        os.close(self.control.fd)
        ended = self.watcher.wait(2.0) and ended
        ended = self.watcher.end() and ended
        os.close(self.watch.fd)
        with contextlib.suppress(OSError):  # never mounted
            syscalls.unmount(self.mountpoint)
        if not ended:
            raise Disturbed("server or watcher did not end")

    def _wait(self, found: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not found() and time.monotonic() < end:
            self._pump(0.05)
        return found()

    def _pump(self, seconds: float) -> None:
        for message in self.control.receive(seconds):
            self.withheld = message.get("withheld", self.withheld)
            self.gave_up = self.gave_up or "gave_up" in message
            self.released = self.released or "released" in message
            self.aborted = self.aborted or "aborted" in message
        self.watch.receive()
        if self.control.closed:
            raise Disturbed("the server ended while it was needed")
        if self.watch.closed:
            raise Disturbed("the watcher ended while it was needed")
        if self.aborted and not self.minds_no_abort:
            raise Disturbed("the kernel ended the connection while it was needed")
        if self.gave_up:
            raise Disturbed("the server gave up the hold: its time was over")

    def _tell(self, to: Lines, message: Dict[str, Any]) -> None:
        try:
            to.send(message)
        except OSError:
            self._pump(0.0)
            raise Disturbed("server or watcher ended while it was needed") from None


def _told(seen: Optional[Blocked]) -> str:
    if seen is None:
        return "was gone"
    return "was in state %s: %s" % (seen.state, " <- ".join(seen.stack[:8]) or seen.wchan or "running")


def close_file(fd: int) -> None:
    """Close a file of a mount whose connection may be over: the flush then fails, the descriptor is closed."""
    try:
        os.close(fd)
    except OSError as error:
        if error.errno not in (errno.EIO, errno.ENOTCONN, errno.ECONNABORTED):
            raise


@dataclass(frozen=True)
class Ends:
    """What every server gets: its sockets to the probe and to the watcher, and its clocks."""

    control: int
    watcher: int
    probe_pid: int
    withhold_seconds: float
    life_seconds: float


@dataclass(frozen=True)
class Side:
    """The server's side of a hold: its process, the word that says it is ready, what it keeps open beside.

    `connected` is called then, and returns the path that ends the connection when written to, or "" where
    nothing but the server's end does.
    """

    name: str
    main: Callable[[Ends], Callable[[], None]]
    word: str
    keep: List[int]
    connected: Callable[[], str]


def begin(file: protocol.File, hold_seconds: float, cpus: Optional[Set[int]]) -> FuseHold:
    """Mount the file privately, with a server and a watcher. Raises CannotRun where that does not work."""
    mountpoint = mount.private_mountpoint()

    def main(ends: Ends) -> Callable[[], None]:
        plan = server.Plan(
            mountpoint, file, ends.control, ends.watcher, ends.probe_pid, ends.withhold_seconds, ends.life_seconds
        )
        return lambda: server.serve(plan)

    def connected() -> str:
        """A plain user's mount shows its connection where fusectl is mounted already; the server's end ends it too."""
        number = mount.connection_of(mountpoint)
        return mount.abort_file(number) if os.geteuid() == 0 else mount.abort_file_if_there(number)

    return begin_with(Side("unmig-fuse", main, "mounted", [], connected), mountpoint, hold_seconds, cpus)


def begin_with(side: Side, mountpoint: str, hold_seconds: float, cpus: Optional[Set[int]]) -> FuseHold:
    control, server_control = _sockets()
    to_watcher, watcher_probe = _sockets()
    watcher_seen, watcher_lives = os.pipe()
    server_seen, server_lives = os.pipe()
    inner = [server_control, watcher_probe, watcher_seen, watcher_lives, server_seen, server_lives]
    children: List[Child] = []
    lines = Lines(control), Lines(to_watcher)
    try:
        grace = hold_seconds + SERVER_GRACE_SECONDS
        life = _LIFE_SECONDS_IN_A_GUEST if hold_seconds > _MOST_HOLD_SECONDS_ELSEWHERE else _LIFE_SECONDS
        main = side.main(Ends(server_control, watcher_seen, os.getpid(), grace, life))
        children.append(start(side.name, main, [server_control, watcher_seen, server_lives, *side.keep], cpus))
        _first_word(lines[0], side.word, "the server could not start", children)
        watching = watch.Plan(
            watcher_probe,
            server_seen,
            os.getpid(),
            children[0].pid,
            side.connected(),
            hold_seconds + WATCHER_GRACE_SECONDS,
            life,
        )
        children.append(
            start("unmig-watch", lambda: watch.watch(watching), [watcher_probe, server_seen, watcher_lives], cpus)
        )
        for fd in inner:
            os.close(fd)
        inner = []
        _first_word(lines[1], "watching", "the watcher could not start", children)
        return FuseHold(lines[0], children[0], lines[1], children[1], mountpoint)
    except BaseException:
        for child in children:
            child.end()
        for fd in [*inner, control, to_watcher]:
            os.close(fd)
        raise


def _sockets() -> Tuple[int, int]:
    """Two plain descriptors: a socket object left over in a forked child could close a number used anew."""
    one, other = socket.socketpair()
    return one.detach(), other.detach()


def _first_word(lines: Lines, word: str, complaint: str, children: List[Child]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and not lines.closed:
        if any(word in message for message in lines.receive(0.05)):
            return
        # The probe itself still has the other end, so that a death does not show as an end of file yet.
        if children[-1].ended():
            break
    raise CannotRun("%s (%s)" % (complaint, children[-1].how_it_ended()))
