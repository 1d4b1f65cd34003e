"""What a strategy did to a case: base and applied through ingest to the words on the pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from catalog.measured.ways_out import effect, table, tried
from catalog.models import Serving
from catalog.models.text import Origin
from catalog.revisions import store
from people.models import Role
from reports.recorded import files
from tests import builders
from tests.pages import on_one_line

pytestmark = pytest.mark.django_db

REFUSES = {"outcome": "refuses", "attempt": {"returned": True, "seconds": 0.2}}


def runs(label: str, release: str = "7.3.4-lab", case: str = "fuse-writeback", **outcomes: int) -> None:
    """So many runs of each outcome, a report each, taken in as every report is."""
    kernel = {"release": release, "architecture": "x86_64", **({"label": label} if label else {})}
    make: dict[str, Any] = {
        "hangs": lambda: builders.run(case),
        "moves": lambda: builders.moving_run(case),
        "refuses": lambda: builders.run(case, **REFUSES),
        "inconclusive": lambda: builders.run(case, outcome="inconclusive", control={"nr_pages": 16, "nr_moved": 0}),
    }
    for outcome, count in outcomes.items():
        for _ in range(count):
            builders.settled(make[outcome](), kernel=kernel)


def shown(slug: str = "a-strategy") -> str:
    return on_one_line(Client().get(f"/strategies/{slug}/")).split('id="measured"')[1].split("</section>")[0]


BOUNDARIES = [
    # base, applied, what is said
    ({"hangs": 5}, {"moves": 5}, "solves"),
    ({"hangs": 5}, {"refuses": 5}, "helps"),  # a hang that became a refusal is not solved
    ({"refuses": 5}, {"hangs": 5}, "worse"),
    ({"moves": 5}, {"refuses": 5}, "worse"),
    ({"hangs": 5}, {"hangs": 5}, "no_change"),
    ({"hangs": 4}, {"moves": 4}, "too_few"),
    ({"hangs": 5}, {"moves": 4}, "solves"),  # p = 0.0079: the fewest that can say so
    ({"hangs": 4}, {"moves": 4, "inconclusive": 9}, "too_few"),  # what is inconclusive does not count
    ({"hangs": 100}, {"moves": 2}, "too_few"),  # one slip beside a hundred would differ
    ({"hangs": 5}, {"moves": 4, "hangs": 1}, "no_change"),  # p = 0.048
    ({"hangs": 10}, {"moves": 9, "hangs": 1}, "helps"),  # held in fewer runs, and not in none
    ({"hangs": 9, "refuses": 1}, {"hangs": 1, "refuses": 9}, "helps"),
    ({"hangs": 5}, {}, "not_measured"),
    ({}, {"moves": 5}, "not_measured"),
    ({"moves": 5}, {"never_there": 5}, "changes"),
]


@pytest.mark.parametrize("base, applied, said", BOUNDARIES)
def test_each_boundary(base: dict[str, int], applied: dict[str, int], said: str) -> None:
    assert effect.between(base, applied) == said


@pytest.mark.parametrize(
    "base, applied, said",
    [row for row in BOUNDARIES if sum(row[0].values()) < 10 and row[2] in ("solves", "helps", "worse", "no_change")],
)
def test_from_two_piles_of_reports_to_the_page(base: dict[str, int], applied: dict[str, int], said: str) -> None:
    builders.case()
    builders.strategy()
    runs("base", **base)
    runs("a-strategy", **applied)
    text = shown()
    label = effect.word(said).label
    assert f'<span class="way-{said}">{label}</span>' in text
    assert f'class="way-{said}"' in Client().get("/strategies/").text
    assert label in Client().get("/cases/fuse-writeback/").text.split('id="strategies"')[1].split("</section>")[0]


def test_too_few_runs_say_so_everywhere_and_nothing_more() -> None:
    builders.case()
    builders.strategy()
    runs("base", hangs=4)
    runs("a-strategy", moves=4)
    text = shown()
    assert "way-too_few" in text and "5 on each side would do" in text
    for word in ("way-solves", "way-helps", "way-worse", "way-no_change"):
        assert word not in text


@pytest.mark.parametrize(
    "effects, said",
    [
        ([], "not_measured"),
        (["not_measured", "too_few"], "too_few"),
        (["too_few", "solves"], "solves"),
        (["solves", "helps"], "helps"),
        (["solves", "no_change"], "helps"),
        (["solves", "worse"], "worse"),
        (["no_change", "no_change"], "no_change"),
        (["changes", "no_change"], "changes"),
    ],
)
def test_one_mark_of_several_movers_hides_nothing_bad(effects: list[str], said: str) -> None:
    assert effect.together(iter(effects)) == said


def test_the_base_of_one_way_out_is_compared_with_that_alone() -> None:
    builders.case()
    builders.strategy()
    builders.strategy("other")
    runs("base of a-strategy", hangs=5)
    runs("base", moves=5)
    runs("a-strategy", moves=5)
    runs("other", moves=5)
    assert "way-solves" in shown()
    assert "way-no_change" in shown("other") and "way-solves" not in shown("other")


def test_two_releases_are_compared_where_the_text_names_them() -> None:
    builders.case()
    trial = {"before": "6.1.0-50-amd64", "after": "7.3.4+deb13-amd64", "lab": "--fixed-in bookworm..trixie-backports"}
    builders.strategy(trials=[trial])
    runs("", release="6.1.0-50-amd64", hangs=5)
    runs("", release="7.3.4+deb13-amd64", moves=5)
    runs("", release="6.12.1", hangs=50)
    text = shown()
    assert "way-solves" in text and "6.12.1" not in text
    assert "python3 probe.pyz lab --fixed-in bookworm..trixie-backports" in text


@pytest.mark.parametrize("areas, compared", [(["zone_movable"], True), (["zone_movable", "migrate_cma"], False)])
def test_memory_that_is_not_allocated_there_any_more_is_set_beside_what_was(areas: list[str], compared: bool) -> None:
    """What was in no movable area is of no area. Beside two it would be anybody's guess which it left."""
    builders.case()
    builders.strategy()
    kernel = {"release": "7.3.4-lab", "architecture": "x86_64"}
    for area in areas:
        for _ in range(5):
            builders.settled(builders.run(area=area), kernel={**kernel, "label": "base"})
    nowhere = {"outcome": "never_there", "area": "migrate_movable", "attempt": {"returned": True, "seconds": 0.2}}
    nowhere["target"] = {"nr_pages": 16, "nr_moved_while_held": 0, "in_movable_area": False}
    for _ in range(5):
        builders.settled(builders.run(**nowhere), kernel={**kernel, "label": "a-strategy"})
    assert ("way-solves" in shown()) is compared
    builders.settled(builders.run(area="migrate_movable"), kernel={**kernel, "label": "base"})
    assert "way-solves" not in shown(), "where both were in one area, that is compared"


def test_a_recorded_pair_goes_through_ingest_to_the_verdict() -> None:
    """Real reports: FUSE writeback under an offline, on 7.3.4 and on 6.12.95, which writes a copy back."""
    builders.case()
    pair = {"before": "7.3.4+deb13-amd64", "after": "6.12.95+deb12-amd64"}
    builders.strategy(trials=[{**pair, "lab": "--fixed-in a..b"}])
    for release in pair.values():
        builders.recorded(files.read(files.FOLDER / f"guest-{release}" / "fuse-writeback-offline.json.gz"))
    text = shown()
    assert '<span class="way-solves">solves</span>' in text and "p 0.0079" in text
    text = Client().get("/strategies/a-strategy/tested").text
    assert "hangs 5/5" in text and "moves 5/5" in text and "p=0.0079" in text


def test_a_contradiction_is_on_the_page_and_waits_for_an_editor() -> None:
    builders.case()
    builders.strategy()  # it claims to help
    runs("base", hangs=5)
    runs("a-strategy", hangs=5)
    assert "The text claims “helps” of fuse-writeback; “no change” was measured." in shown()
    client = Client()
    client.force_login(builders.person("editor", role=Role.EDITOR))
    inbox = on_one_line(client.get("/inbox/"))
    assert "Contradiction: a-strategy" in inbox and "“no change” was measured" in inbox
    runs("a-strategy", moves=20)
    assert "Contradiction: a-strategy" not in client.get("/inbox/").text


def test_what_is_measured_where_it_should_not_apply_is_a_contradiction_too() -> None:
    builders.case()
    store.save(builders.strategy_text().replace('"helps"', '"does_not_apply"'), origin=Origin.FILE)
    runs("base", hangs=5)
    runs("a-strategy", moves=5)
    assert "The text claims “does not apply” of fuse-writeback; “solves” was measured." in shown()


def test_the_agenda_has_what_was_measured_first_with_what_it_changed() -> None:
    builders.case()
    for slug in ("a-first", "b-second", "c-third"):
        builders.strategy(slug)
    runs("base", hangs=5)
    runs("b-second", refuses=5)
    for address in ("/agenda/", "/agenda.md"):
        text = on_one_line(Client().get(address))
        places = [text.index(f"/strategies/{slug}/") for slug in ("b-second", "a-first", "c-third")]
        assert places == sorted(places), address
        assert "hangs, with it refuses" in text


def test_the_text_for_a_mail_has_everything_in_72_columns() -> None:
    builders.case()
    long = "A title that goes on for so long that no line of seventy-two columns would have room for all of it"
    lab = 'trixie --setting vm.a=1 --label "a-strategy and a label with spaces" --cases fuse-writeback --movers offline'
    builders.strategy(title=long, trials=[{"label": "a-strategy and a label with spaces", "lab": lab}])
    runs("base", hangs=5)
    runs("a-strategy and a label with spaces", refuses=5, inconclusive=1)
    answer = Client().get("/strategies/a-strategy/tested")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    text = answer.text
    assert max(map(len, text.splitlines())) <= table.COLUMNS
    words = " ".join(text.replace("\\\n", " ").split())
    assert long in words and f"python3 probe.pyz lab {lab}" in words
    assert "/strategies/a-strategy/" in text and "7.3.4-lab" in text
    row = next(line for line in text.splitlines() if "hangs 5/5" in line)
    assert "refuses 5/6" in row and "helps" in row


def test_the_text_for_a_mail_says_what_is_only_claimed() -> None:
    builders.case()
    builders.strategy()
    assert "Claimed, not measured." in Client().get("/strategies/a-strategy/tested").text
    assert Client().get("/strategies/none/tested").status_code == 404


def test_why_nobody_measured_it_is_said() -> None:
    builders.case()
    builders.strategy(not_measured="It needs a device that reads memory.")
    assert "Why not: It needs a device that reads memory." in shown()


@pytest.mark.parametrize(
    "trial",
    [
        {"lab": "x"},
        {"label": "a", "before": "6.1", "after": "6.2", "lab": "x"},
        {"before": "6.1", "lab": "x"},
        {"label": "a", "lab": "x", "patch": "../x.patch"},
    ],
)
def test_a_trial_that_names_no_pair_is_refused(trial: dict[str, str]) -> None:
    with pytest.raises(Exception, match="trials"):
        builders.strategy(trials=[trial])


def test_all_strategies_take_two_queries(django_assert_max_num_queries: Any) -> None:
    builders.case()
    for number in range(5):
        builders.strategy(f"strategy-{number}")
        runs(f"strategy-{number}", moves=1)
    runs("", hangs=1)
    rows = list(Serving.objects.select_related("case", "strategy__document__current"))
    texts = {row.strategy.slug: (tried.strategy_text(row.strategy.document), [row]) for row in rows}
    reader = builders.person("reader")
    with django_assert_max_num_queries(2):
        made = tried.of_all(texts, reader)
    assert len(made) == 5 and all(one.pairs[0].a for (one,) in made.values())
