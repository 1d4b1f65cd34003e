"""Helper processes: started so that nothing leaks into them, watched, and ended.

A helper is forked before any FUSE file is open: closing an inherited FUSE file flushes it, which
waits for the very request that is withheld (fs/fuse/file.c, fuse_flush, write_inode_now).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, List, Optional, Set

from probes.kernel import syscalls

PF_EXITING = 0x4  # include/linux/sched.h; the 9th field of /proc/PID/stat
_MAX_STACK = 24


def start(name: str, main: Callable[[], None], keep: Iterable[int], cpus: Optional[Set[int]] = None) -> "Child":
    """Fork a process that runs `main` and has only the file descriptors `keep` and stderr.

    It dies with this one, does not see the terminal's signals, and is called `name` in `ps`.
    """
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Child(pid, name)
    status = 1
    try:
        syscalls.die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        _settle_in(name, keep, cpus)
        main()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _settle_in(name: str, keep: Iterable[int], cpus: Optional[Set[int]]) -> None:
    syscalls.name_process(name)
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    wanted = {0, 1, 2, *keep}
    for fd in [int(entry) for entry in os.listdir("/proc/self/fd")]:
        if fd not in wanted:
            with contextlib.suppress(OSError):  # the descriptor of the listing itself, already closed
                os.close(fd)
    if cpus:
        os.sched_setaffinity(0, cpus)


@dataclass
class Child:
    pid: int
    name: str
    status: Optional[int] = None

    def ended(self) -> bool:
        """Has it ended (and reap it, if so)?"""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is not None

    def wait(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not self.ended():
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def end(self, seconds: float = 5.0) -> bool:
        """SIGKILL, and wait: False where it still sleeps in D after that."""
        if not self.ended():
            with contextlib.suppress(PermissionError):  # root's, and we no longer are; it sees that we end
                os.kill(self.pid, signal.SIGKILL)
        return self.wait(seconds)

    def how_it_ended(self) -> str:
        if self.status is None:
            return "still there"
        if os.WIFSIGNALED(self.status):
            return "signal %d" % os.WTERMSIG(self.status)
        return "exit code %d" % os.WEXITSTATUS(self.status)


@dataclass
class Lines:
    """JSON objects, one a line, over a pipe or socket. `closed`: the other side is gone."""

    fd: int
    closed: bool = False
    _buffer: bytes = field(default=b"", repr=False)

    def send(self, message: Dict[str, Any]) -> None:
        """Raises BrokenPipeError where the other side is gone."""
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self.fd, data) :]

    def receive(self, seconds: float = 0.0) -> List[Dict[str, Any]]:
        """What has come, waiting up to `seconds` for the first of it."""
        if not self.closed and select.select([self.fd], [], [], max(0.0, seconds))[0]:
            try:
                data = os.read(self.fd, 1 << 16)
            except ConnectionResetError:
                data = b""
            self.closed = not data
            self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        return [json.loads(line) for line in lines]


def exiting(pid: int) -> bool:
    """Is this process gone, or on its way out?

    A pipe's end of file is not enough: in a process that dies with a FUSE file open, exit_files() sleeps
    in fuse_flush(), and the fput() of its pipes is put off to exit_task_work(), which comes after
    (kernel/exit.c do_exit, fs/file_table.c fput). PF_EXITING is set before both.
    """
    try:
        fields = _stat(pid)
    except OSError:
        return True
    return fields[0] in "ZX" or bool(int(fields[6]) & PF_EXITING)


def _stat(pid: int) -> List[str]:
    """The fields of /proc/PID/stat from the third (state) on."""
    with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()


@dataclass(frozen=True)
class Blocked:
    """How a process was found: its state letter, and where it sleeps."""

    state: str
    wchan: str
    stack: List[str]

    def sleeps(self) -> bool:
        return self.state == "D"


def look_at(pid: int) -> Optional[Blocked]:
    """State, wait channel and kernel stack of a process, None where it is gone. The stack wants root."""
    try:
        state = _stat(pid)[0]
    except OSError:
        return None
    stack = frames(_read("/proc/%d/stack" % pid))[:_MAX_STACK]
    return Blocked(state, _read("/proc/%d/wchan" % pid).strip()[:120], stack)


def frames(text: str) -> List[str]:
    """The functions of a /proc/PID/stack: `[<0>] name+0x1/0x2 [module]`, the module left out."""
    words = (line.split() for line in text.splitlines())
    return [line[1] if line[0].startswith("[<") and len(line) > 1 else line[0] for line in words if line]


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
