"""Work in a helper process that is ended by its limit of CPU time."""

from __future__ import annotations

import os
import re
import resource
import signal
import threading
import time
from pathlib import Path

import pytest

from rest.bounds import bounded

pytestmark = pytest.mark.processes
LARGE = bounded.SMALL_BYTES + 1


def pid_of(_: object = None) -> int:
    return os.getpid()


def slow(_: object = None) -> None:
    """Holds the interpreter's lock for ages, as one bad expression does."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def greedy() -> int:
    return len(b"x" * (8 << 30))


def wrong() -> None:
    raise KeyError("a key")


def leaves() -> None:
    os._exit(3)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def asked_to_end() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        os.kill(os.getpid(), number)
    return os.getpid()


def length(given: bytes) -> int:
    return len(given)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "SECONDS", 1)
    monkeypatch.setattr(bounded, "SECONDS_PER_MIB", 0)


def test_large_work_is_done_elsewhere_and_small_work_here() -> None:
    elsewhere = bounded.call(pid_of, nr_bytes=LARGE)
    assert elsewhere != os.getpid() == bounded.call(pid_of, nr_bytes=bounded.SMALL_BYTES)
    assert bounded.call(pid_of, nr_bytes=LARGE) == elsewhere


def test_what_never_ends_is_ended_and_the_next_call_is_served() -> None:
    with pytest.raises(bounded.TooLong, match="SIGPROF"):
        bounded.call(slow, nr_bytes=LARGE)
    assert bounded.call(pid_of, nr_bytes=LARGE) != os.getpid()


def test_the_limit_is_of_each_call_and_not_of_all_together() -> None:
    pids = {bounded.call(_busy, 0.4, nr_bytes=LARGE) for _ in range(6)}
    assert len(pids) == 1


def _busy(seconds: float) -> int:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return os.getpid()


def test_this_process_goes_on_meanwhile() -> None:
    """In a thread of this process nothing else would run until the expression ended."""
    ended = threading.Event()
    seen: list[Exception] = []

    def ask() -> None:
        try:
            bounded.call(slow, nr_bytes=LARGE)
        except bounded.TooLong as error:
            seen.append(error)
        ended.set()

    threading.Thread(target=ask).start()
    turns = 0
    while not ended.wait(0.01):
        turns += 1
    assert turns > 5 and len(seen) == 1


def test_more_callers_than_helpers_wait_for_their_turn() -> None:
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(bounded.call(pid_of, nr_bytes=LARGE))) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 9 and len(set(answers)) <= bounded.MOST_HELPERS


def test_memory_is_bounded_too() -> None:
    with pytest.raises(bounded.TooLong, match="memory"):
        bounded.call(greedy, nr_bytes=LARGE)


def test_an_error_is_raised_where_it_was_called_from_and_a_helper_that_leaves_is_no_answer() -> None:
    with pytest.raises(KeyError, match="a key"):
        bounded.call(wrong, nr_bytes=LARGE)
    with pytest.raises(bounded.Lost, match="ended with 3"):
        bounded.call(leaves, nr_bytes=LARGE)
    assert bounded.call(pid_of, nr_bytes=LARGE)


def test_a_helper_that_somebody_ended_says_nothing_of_the_text() -> None:
    """The system that is out of memory ends one, or an operator does."""
    with pytest.raises(bounded.Lost, match="ended with -9") as lost:
        bounded.call(killed, nr_bytes=LARGE)
    assert lost.value.began
    idle = bounded.call(pid_of, nr_bytes=LARGE)
    os.kill(idle, signal.SIGKILL)
    os.waitid(os.P_PID, idle, os.WEXITED | os.WNOWAIT)
    assert bounded.call(pid_of, nr_bytes=LARGE) not in (idle, os.getpid())


def test_a_service_that_is_asked_to_end_reads_what_it_reads_to_the_end() -> None:
    """systemd asks all processes of a service at once: else a redeploy would reject the report that is being read."""
    assert bounded.call(asked_to_end, nr_bytes=LARGE) != os.getpid()


@pytest.mark.parametrize("limit", [0, 8])
def test_where_no_helper_can_be_started_the_bytes_were_not_begun(limit: int) -> None:
    while bounded._pool.idle:
        bounded._pool.idle.pop().end()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        with pytest.raises(bounded.Lost, match="could be started") as lost:
            bounded.call(pid_of, nr_bytes=LARGE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert not lost.value.began
    assert bounded.call(pid_of, nr_bytes=LARGE) != os.getpid()


def test_what_one_call_left_of_its_time_is_not_what_the_next_is_read_with() -> None:
    bounded.call(_busy, 0.7, nr_bytes=LARGE)
    answers = {bounded.call(length, b"x" * (64 << 20), nr_bytes=LARGE) for _ in range(10)}
    assert answers == {64 << 20}


def test_a_helper_is_replaced_after_its_last_call(monkeypatch: pytest.MonkeyPatch) -> None:
    before = bounded.call(pid_of, nr_bytes=LARGE)
    monkeypatch.setattr(bounded, "MOST_CALLS", 1)
    assert bounded.call(pid_of, nr_bytes=LARGE) == before != bounded.call(pid_of, nr_bytes=LARGE)


def test_a_forked_process_has_helpers_of_its_own_and_they_end_with_it() -> None:
    ours = bounded.call(pid_of, nr_bytes=LARGE)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(bounded.call(pid_of, nr_bytes=LARGE)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = int(os.read(reading, 20))
    assert theirs != ours == bounded.call(pid_of, nr_bytes=LARGE)
    for _ in range(500):
        try:
            if " Z " in Path(f"/proc/{theirs}/stat").read_text():
                break
        except FileNotFoundError:
            break
        threading.Event().wait(0.01)
    else:
        pytest.fail("the helper outlived whom it helped")
