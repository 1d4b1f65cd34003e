"""What a page says of the tallies: by build, by mover, never pooled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest

from catalog.measured import histogram, overview
from catalog.measured.overview import verdict, wilson
from catalog.models import Case, KernelBuild, Tally
from people.models import Machine
from reports.totals import tallies
from reports.totals.sums import key_of
from tests import builders

Queries = Callable[[int], AbstractContextManager[object]]
SEEN = datetime(2026, 11, 22, tzinfo=UTC)


def tally(case: Case, release: str = "6.18.44", outcome: str = "hangs", label: str = "", **changed: object) -> Tally:
    build, _ = KernelBuild.objects.get_or_create(release=release, label=label)
    machine = Machine.objects.filter(name="box").first() or builders.machine()
    fields: dict[str, object] = {
        "architecture": "x86_64",
        "mover": "compaction",
        "area": "migrate_movable",
        "environment": "host",
        "kind": "run",
        "machine": machine,
        "runs": 1,
        "last_seen_at": SEEN,
        "histogram": histogram.of(None),
        **changed,
    }
    made = Tally.objects.create(case=case, build=build, outcome=outcome, **fields)
    tallies.total_up(key_of(made)[:7])
    return made


@pytest.mark.parametrize(
    ("held", "conclusive", "said"), [(0, 0, "none"), (0, 3, "moves"), (1, 3, "mixed"), (2, 3, "mixed"), (3, 3, "held")]
)
def test_a_verdict_is_held_moves_mixed_or_none(held: int, conclusive: int, said: str) -> None:
    assert verdict(held, conclusive) == said
    assert said in overview.GLYPHS and said in overview.MEANINGS


@pytest.mark.parametrize(
    ("held", "runs", "low", "high"),
    [  # as R gives them: prop.test(held, runs, correct = FALSE)$conf.int
        (10, 20, 0.2993, 0.7007),
        (1, 10, 0.0179, 0.4042),
        (0, 20, 0.0, 0.1611),
        (20, 20, 0.8389, 1.0),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_wilsons_interval_is_the_known_one(held: int, runs: int, low: float, high: float) -> None:
    assert wilson(held, runs) == pytest.approx((low, high), abs=0.0001)


@pytest.mark.django_db
class TestSummaries:
    def test_outcomes_of_one_key_stand_together_and_only_conclusive_runs_count(self) -> None:
        case = builders.case()
        for outcome, runs in (("hangs", 3), ("moves", 1), ("inconclusive", 5), ("skipped", 7), ("error", 2)):
            tally(case, outcome=outcome, runs=runs)
        (row,) = overview.summaries(case)
        assert (row.held, row.conclusive, row.runs, row.verdict) == (3, 4, 18, "mixed")
        assert row.said == "1 moves, 3 hangs"
        assert [(word.slug, runs) for word, runs in row.aside] == [("inconclusive", 5), ("skipped", 7), ("error", 2)]
        assert row.interval == wilson(3, 4)

    @pytest.mark.parametrize("key", ["mover", "area", "environment", "architecture", "kind"])
    def test_nothing_is_pooled(self, key: str) -> None:
        other = {
            "mover": "offline",
            "area": "zone_movable",
            "environment": "guest",
            "architecture": "aarch64",
            "kind": "log",
        }
        case = builders.case()
        tally(case)
        tally(case, **{key: other[key]})
        assert [row.runs for row in overview.summaries(case)] == [1, 1]

    def test_machines_are_counted_and_not_told_apart(self) -> None:
        case = builders.case()
        tally(case, runs=2)
        tally(case, machine=builders.machine("other"), runs=3)
        (row,) = overview.summaries(case)
        assert (row.nr_machines, row.runs) == (2, 5)

    def test_one_outcome_alone_says_its_name_and_few_runs_have_no_interval(self) -> None:
        case = builders.case()
        tally(case, runs=19)
        (row,) = overview.summaries(case)
        assert (row.said, row.interval) == ("hangs", None)

    def test_twenty_runs_have_an_interval(self) -> None:
        case = builders.case()
        tally(case, runs=20)
        assert overview.summaries(case)[0].interval == wilson(20, 20)

    def test_without_a_conclusive_run_there_is_no_verdict(self) -> None:
        case = builders.case()
        tally(case, outcome="skipped", runs=30)
        (row,) = overview.summaries(case)
        assert (row.verdict, row.said, row.interval) == ("none", "no conclusive run", None)

    def test_the_time_until_freed_is_of_held_runs(self) -> None:
        case = builders.case()
        tally(case, histogram=histogram.of(2.0))
        tally(case, outcome="moves", histogram=histogram.of(500.0))
        assert overview.summaries(case)[0].freed_seconds == pytest.approx(2, rel=0.2)

    def test_the_newest_kernel_comes_first_and_of_equal_ones_the_plain_build(self) -> None:
        case = builders.case()
        for release, label in (
            ("6.1.0-41-amd64", ""),
            ("7.3~rc7", ""),
            ("6.18.44", "fix v3"),
            ("6.18.44", ""),
            ("7.3", ""),
        ):
            tally(case, release, label=label)
        assert [str(row.build) for row in overview.summaries(case)] == [
            "7.3",
            "7.3~rc7",
            "6.18.44",
            "6.18.44 + fix v3",
            "6.1.0-41-amd64",
        ]

    def test_the_table_is_one_query(self, django_assert_num_queries: Queries) -> None:
        case = builders.case()
        for n in range(5):
            tally(case, f"6.{n}")
        with django_assert_num_queries(1):
            assert len(overview.summaries(case)) == 5
