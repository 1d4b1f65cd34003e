"""The ids of reports: which of two messages was the later is read off them."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from reports.models.ids import Ids, new_id


def test_they_are_of_version_7_and_begin_with_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    assert made.version == 7 and made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000 + 1


def test_of_many_in_one_millisecond_each_is_above_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 2_000_000_000_123_456_789)
    ids = Ids()
    made = [ids.new() for _ in range(10_000)]
    assert made == sorted(set(made))


def test_a_clock_that_is_set_back_gives_none_that_is_below(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = Ids()
    first = ids.new()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000_000_000_000)
    assert ids.new() > first


def test_threads_are_never_given_the_same_time() -> None:
    ids = Ids()
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: ids.new(), range(20_000)))
    assert len({one.int >> 64 for one in made}) == 20_000
