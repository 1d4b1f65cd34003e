"""Times in buckets, two an octave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.measured import histogram
from catalog.measured.histogram import BUCKETS, added, bucket, median, middle, of

HALF_OCTAVE = 2**0.5


@pytest.mark.parametrize(
    ("seconds", "index"),
    [
        (0, 0),
        (0.001, 0),
        (0.00100001, 1),
        (0.0014, 1),
        (0.001 * HALF_OCTAVE * 1.0001, 2),
        (0.002, 3),
        (0.0019999, 2),
        (1.024, 21),
        (4 * 3600, BUCKETS - 1),
        (10**9, BUCKETS - 1),
    ],
)
def test_a_time_falls_into_its_bucket(seconds: float, index: int) -> None:
    assert bucket(seconds) == index


@given(st.floats(0.001, 3 * 3600))
def test_a_time_read_back_is_right_to_a_fifth(seconds: float) -> None:
    assert 2**-0.2501 <= middle(bucket(seconds)) / seconds <= 2**0.2501


def test_one_run_is_one_and_an_unknown_time_is_none() -> None:
    assert sum(of(0.5)) == 1 and of(0.5)[bucket(0.5)] == 1
    assert of(None) == [0] * BUCKETS


def test_histograms_add_up_bucket_by_bucket() -> None:
    assert added([of(0.5), of(0.5), of(2)])[bucket(0.5)] == 2
    assert added([]) == [0] * BUCKETS


@pytest.mark.parametrize(
    ("seconds", "middle_one"),
    [([1], 1), ([1, 1, 100], 1), ([1, 100, 100], 100), ([1, 100], 1), ([1, 1, 100, 100, 100], 100)],
)
def test_the_median_is_the_middle_run(seconds: list[float], middle_one: float) -> None:
    assert median(added(of(s) for s in seconds)) == middle(bucket(middle_one))


def test_nothing_timed_has_no_median() -> None:
    assert median([0] * BUCKETS) is None
    assert median([]) is None


def test_the_first_bucket_is_a_millisecond() -> None:
    assert median(of(0)) == histogram.FIRST_SECONDS
