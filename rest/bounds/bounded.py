"""Work on strangers' bytes, in a process that the kernel ends when its time is over.

    call(function, *arguments, nr_bytes=…)   what the function returns; or `TooLong`, or `Lost`

A regular expression holds the interpreter's lock for as long as it runs, so no thread, timer or timeout of this process
can end it, and a web server ends all that its worker does instead. A helper has a limit of CPU time for each call, and
nobody else in it; it is started when it is first needed, serves one call after another, and is replaced when it was
ended. Function and arguments travel pickled, so the function stands at the top of a module that needs no Django.
Little text is not worth the way: it is read where it is.
"""

from __future__ import annotations

import atexit
import fcntl
import math
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
SMALL_BYTES = 16 << 10
SECONDS, SECONDS_PER_MIB = 2, 2
MAX_MEMORY_BYTES = 2 << 30
MOST_HELPERS = 2  # of one process; who comes then waits, for no longer than those before have time
MOST_CALLS = 1_000  # of one helper: what it did not give back of its memory is given back then
_LENGTH = struct.Struct("<Q")
_T = TypeVar("_T")


class TooLong(Exception):
    """It took more CPU time, or memory, than its size gives it."""


class Lost(Exception):
    """No answer, and nothing that speaks against the bytes: no process could be started, or somebody else ended it.

    `began`: whether the bytes were being read, so that they may be what ended it, by a fault of an extension.
    """

    def __init__(self, why: str, began: bool) -> None:
        self.began = began
        super().__init__(why)


def call(function: Callable[..., _T], *arguments: Any, nr_bytes: int) -> _T:
    """What `function(*arguments)` returns or raises. Raises `TooLong` after 2 CPU seconds and 2 more for each MiB, and
    `Lost`."""
    if nr_bytes <= SMALL_BYTES:
        return function(*arguments)
    seconds = SECONDS + math.ceil(SECONDS_PER_MIB * nr_bytes / (1 << 20))
    with _pool.turns:
        helper = _take()
        try:
            succeeded, made = helper.ask((seconds, function, arguments))
        except BaseException:
            helper.end()
            raise
        if helper.nr_calls < MOST_CALLS:
            _pool.idle.append(helper)
        else:
            helper.end()
    if not succeeded:
        raise made
    return made  # type: ignore[no-any-return]


def _take() -> _Helper:
    """One that waits, or a new one. One that was ended while it waited is nobody's answer."""
    while _pool.idle:
        helper = _pool.idle.pop()
        if helper.process.poll() is None:
            return helper
        helper.end()
    try:
        return _Helper()
    except OSError as error:  # no process, memory or descriptor is left for it
        raise Lost(f"no helper could be started ({error.strerror})", began=False) from error


class _Helper:
    def __init__(self) -> None:
        self.nr_calls = 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rest.bounds.bounded"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._widen()

    def _widen(self) -> None:
        """A megabyte in 64 KiB pieces is thirty switches between two processes. The system may have no more for this
        user (pipe-user-pages-soft); then it is that slow, and not refused."""
        for file in (self.process.stdin, self.process.stdout):
            try:
                fcntl.fcntl(file, fcntl.F_SETPIPE_SZ, 1 << 20)  # type: ignore[arg-type]
            except OSError:
                pass

    def ask(self, wanted: object) -> tuple[bool, Any]:
        assert self.process.stdin and self.process.stdout
        self.nr_calls += 1
        try:
            _write(self.process.stdin, wanted)
        except BrokenPipeError:
            pass  # it is gone; how is said below
        answer = _read(self.process.stdout)
        if answer is None:
            code = self.process.wait()
            if code == -signal.SIGPROF:
                raise TooLong("its CPU time is over (SIGPROF)")
            raise Lost(f"the helper ended with {code}", began=True)
        succeeded, made = answer
        return succeeded, made

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.let_go()

    def let_go(self) -> None:
        for file in (self.process.stdin, self.process.stdout):
            try:
                file.close()  # type: ignore[union-attr]
            except BrokenPipeError:
                pass  # what it had not read is of no use to it now


class _Pool:
    def __init__(self) -> None:
        self.turns = threading.BoundedSemaphore(MOST_HELPERS)
        self.idle: list[_Helper] = []


_pool = _Pool()
_of_the_parent: list[_Helper] = []


def _begin_anew() -> None:
    """A forked process has the parent's pipes: two would read each other's answers, and the helper outlive both."""
    global _pool
    _of_the_parent.extend(_pool.idle)
    for helper in _pool.idle:
        helper.let_go()
    _pool = _Pool()


@atexit.register
def _end_all() -> None:
    while _pool.idle:
        _pool.idle.pop().end()


os.register_at_fork(after_in_child=_begin_anew)


def _packed(thing: object) -> bytes:
    packed = pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(packed)) + packed


def _write(file: IO[bytes], thing: object) -> None:
    file.write(_packed(thing))
    file.flush()


def _read(file: IO[bytes]) -> Any:
    """None where the other side is gone."""
    length = file.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    packed = file.read(_LENGTH.unpack(length)[0])
    return pickle.loads(packed) if len(packed) == _LENGTH.unpack(length)[0] else None  # noqa: S301 - of our own process


def _serve() -> None:
    """The helper's side. It ends with whoever started it: then nothing more is to be read."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # Ctrl-C reaches the whole foreground, systemd
        signal.signal(number, signal.SIG_IGN)  # asks all of a service to end: what is being read is read to its end
    given = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not print into an answer
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    while (wanted := _read(given)) is not None:
        seconds, function, arguments = wanted
        # RLIMIT_CPU would count ticks from the start of the process, and what was used so far can only be asked in
        # another measure: on a busy machine the two grow apart by a fifth, and a helper that had served for half a
        # minute ended whatever came next as too slow. The timer counts from here.
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            answer = (True, function(*arguments))
        except MemoryError:
            answer = (False, TooLong("more memory than there is for it"))
        except Exception as error:  # noqa: BLE001 - raised where it was called from
            answer = (False, error)
        packed = _packed(answer)
        signal.setitimer(signal.ITIMER_PROF, 0)  # what comes next has a time of its own
        answers.write(packed)
        answers.flush()


if __name__ == "__main__":
    from rest.bounds import bounded

    bounded._serve()  # as `rest.bounds.bounded`, not `__main__`: a TooLong must be the same class on both sides
