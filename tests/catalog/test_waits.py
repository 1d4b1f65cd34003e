"""Who waits for what: each cell has its source, what is measured is the evidence, and the page says which is which."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
import yaml
from django.test import Client

from catalog.measured.waits import evidence, spread
from catalog.measured.waits.matrix import FOLDER, OUTCOMES, Unsound, matrix, sound
from diagnosis.words import vocabulary
from tests import builders

SAID = yaml.safe_load((FOLDER / "matrix.yaml").read_text())
READINGS = yaml.safe_load((FOLDER / "readings.yaml").read_text())
LINES = json.loads((FOLDER / "lines.json").read_text())


# The data


def test_every_cell_has_a_source_in_the_tree_of_its_line() -> None:
    one = matrix()
    assert set(one.kernels) >= {"6.1", "6.12", "7.3"}
    for (line, _, _), cell in one.cells.items():
        assert cell.because
        assert {reading.release for reading in cell.because} == {one.releases[line]}
        assert all(reading.line > 0 and reading.says for reading in cell.because)


def test_no_column_and_no_row_is_empty() -> None:
    one = matrix()
    for line in one.kernels:
        for mover in one.movers:
            assert any((line, state.slug, mover.slug) in one.cells for state in one.states), (line, mover.slug)
        for state in one.states:
            assert any((line, state.slug, mover.slug) in one.cells for mover in one.movers), (line, state.slug)


def test_no_reading_is_kept_that_nothing_uses() -> None:
    used = {name for cell in SAID["cells"] for name in cell["because"]}
    used |= {hold["because"] for mover in SAID["movers"] for hold in mover.get("holds", [])}
    assert set(READINGS["readings"]) == used


def test_the_words_of_the_kernel_are_those_that_reports_have() -> None:
    for mover in matrix().movers:
        if mover.measured_by in vocabulary.MOVER_MODES and mover.slug != "direct":
            assert mover.kernel.mode == vocabulary.MOVER_MODES[mover.measured_by]
        else:
            assert not mover.kernel.mode.startswith("MIGRATE_") or mover.slug == "direct"


def test_every_mover_can_be_measured() -> None:
    assert all(mover.measured_by for mover in matrix().movers)


def broken(change: Any) -> Any:
    said, lines = copy.deepcopy(SAID), copy.deepcopy(LINES)
    change(said, lines)
    return said, lines


@pytest.mark.parametrize(
    "change",
    [
        lambda said, lines: said["cells"].append(said["cells"][0]),
        lambda said, lines: said["cells"][0].update(because=[]),
        lambda said, lines: said["cells"][0].update(outcome="waits"),
        lambda said, lines: said["cells"][0].update(movers=["nobody"]),
        lambda said, lines: said["cells"][0].update(state="nowhere"),
        lambda said, lines: said["cells"][0].update(becuase=["x"]),
        lambda said, lines: said["movers"][0].update(measured_by="nobody"),
        lambda said, lines: said["states"][0]["made_by"][0].update(not_by=["nobody"]),
        lambda said, lines: lines["6.1"]["readings"].pop(said["cells"][0]["because"][0]),
    ],
    ids=[
        "twice",
        "no source",
        "no such outcome",
        "no such mover",
        "no such state",
        "misspelt",
        "no word",
        "no maker",
        "no line",
    ],
)
def test_what_does_not_fit_together_is_refused(change: Any) -> None:
    sound(SAID, READINGS, LINES)
    with pytest.raises(Unsound):
        said, lines = broken(change)
        sound(said, READINGS, lines)


def test_every_cell_has_its_source() -> None:
    one = matrix()
    assert all(one.cell(line, s.slug, m.slug).because for line in one.kernels for s in one.states for m in one.movers)


def test_what_nobody_has_read_is_unknown() -> None:
    said, lines = broken(lambda said, lines: said["cells"].pop())  # refused, khugepaged
    one = sound(said, READINGS, lines)
    assert one.cell("7.3", "refused", "khugepaged").outcome is OUTCOMES["unknown"]
    assert one.cell("7.3", "refused", "soft_offline").outcome is OUTCOMES["gives_up"]


def test_kernels_differ_where_their_sources_do() -> None:
    one = matrix()
    reading = [one.cell(line, "locked-not-uptodate", "kcompactd").outcome.slug for line in ("6.1", "6.12", "7.3")]
    assert reading == ["sleeps", "gives_up", "gives_up"]
    mbind = next(mover for mover in one.movers if mover.slug == "mbind")
    assert ["mbind-mmap-lock" in [hold.because for hold, _ in one.holds(line, mbind)] for line in ("6.1", "6.12")] == [
        True,
        False,
    ]


# What was measured


@pytest.mark.django_db
def test_a_run_that_saw_something_else_is_shown_as_such() -> None:
    builders.case("readahead-locked")
    kernel = {"release": "7.3.4", "architecture": "x86_64"}
    builders.settled(builders.moving_run("readahead-locked", mover="offline"), kernel=kernel)
    one = matrix()
    runs = evidence.measured(one, None)["7.3", "locked-not-uptodate", "offline"]
    assert [(run.case, dict(run.outcomes)) for run in runs] == [("readahead-locked", {"moves": 1})]
    assert evidence.agrees(one.cell("7.3", "locked-not-uptodate", "offline"), runs) is False
    assert "Source and measurement disagree" in page("?kernel=7.3")
    assert "Source and measurement disagree" not in page("?kernel=6.12")


@pytest.mark.django_db
def test_runs_of_a_state_that_this_kernel_does_not_make_are_none_of_it() -> None:
    """Up to 6.15 a FUSE folio is not under writeback itself."""
    builders.case("fuse-writeback")
    for release in ("6.12.95", "7.3.4"):
        kernel = {"release": release, "architecture": "x86_64"}
        builders.settled(builders.run("fuse-writeback", mover="offline"), kernel=kernel)
    assert {line for line, _, _ in evidence.measured(matrix(), None)} == {"7.3"}


@pytest.mark.django_db
def test_a_case_that_holds_what_the_mover_can_name_counts_for_the_state_that_this_mover_meets() -> None:
    """netfs-unresponsive-server: pages under writeback for move_pages, locked ones for who comes by frame."""
    builders.case("netfs-unresponsive-server")
    for mover in ("move_pages", "offline"):
        kernel = {"release": "7.3.4", "architecture": "x86_64"}
        builders.settled(builders.run("netfs-unresponsive-server", mover=mover), kernel=kernel)
    found = {(state, mover) for _, state, mover in evidence.measured(matrix(), None)}
    assert found == {("writeback", "move_pages"), ("locked-not-uptodate", "offline")}


@pytest.mark.django_db
def test_a_run_whose_pages_lay_elsewhere_is_no_run_of_the_cell() -> None:
    """The ring of Linux AIO is not allocated as movable: kcompactd never comes to it, and has refused nothing."""
    builders.case("aio-ring")
    kernel = {"release": "7.3.4", "architecture": "x86_64"}
    target = {"nr_pages": 16, "nr_moved_by_hold": 0, "nr_moved_while_held": 0, "in_movable_area": False}
    run = builders.run("aio-ring", mover="kcompactd", outcome="never_there", target=target, attempt={"returned": True})
    run.pop("blocked", None)
    builders.settled(run, kernel=kernel)
    assert evidence.measured(matrix(), None) == {}


@pytest.mark.django_db
def test_a_row_says_in_how_many_boots_its_runs_were() -> None:
    """Five runs in one guest are one boot, and a machine in use is no guest."""
    builders.case("vmsplice-pipe")
    kernel = {"release": "7.3.4", "architecture": "x86_64"}
    run = builders.run("vmsplice-pipe", mover="offline")
    builders.settled(run, run, run, kernel=kernel, environment="guest")
    builders.settled(run, kernel=kernel, environment="guest")
    builders.settled(run, kernel=kernel, environment="host")
    assert "hangs 5/5, 4 of them in 2 boots of guests on" in re.sub(r"\s+", " ", page("?kernel=7.3", "reference-anon/"))
    answer = Client().get("/api/v1/waits/?kernel=7.3").json()
    (measured,) = (cell["measured"] for cell in answer["cells"] if cell["measured"])
    assert [(one["runs"], one["in_guests"], one["boots"]) for one in measured] == [(5, 4, 2)]


# The page


def page(query: str = "", state: str = "") -> str:
    answer = Client().get(f"/waits/{state}{query}")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.django_db
def test_the_newest_kernel_is_shown_and_another_beside_it_where_one_asks() -> None:
    text = page()
    assert "7.3.4" in text and "6.12.118" not in text
    assert "MR_COMPACTION MIGRATE_SYNC_LIGHT" in text
    why = page(state="writeback/")
    assert "7.3.4" in why and "mm/migrate.c:1280 migrate_folio_unmap()" in why
    beside = page("?kernel=7.3&beside=6.1", "writeback/")
    assert "7.3.4" in beside and "mm/migrate.c:1105 __migrate_folio_unmap()" in beside


@pytest.mark.django_db
def test_each_cell_leads_to_its_source_on_the_same_kernels() -> None:
    """A link to a row that is not there opens the top of a page, and says nothing."""
    cells = re.findall(r'href="/waits/([a-z-]+)/(\?[^"#]*)#([^"]+)"', page("?kernel=7.3&beside=6.12"))
    assert {asked for _, asked, _ in cells} == {"?kernel=7.3&amp;beside=6.12"}
    assert len(cells) == 2 * len(matrix().states) * len(matrix().movers)
    for state in matrix().states[::5]:
        why = page("?kernel=7.3&beside=6.12", f"{state.slug}/")
        assert [row for slug, _, row in cells if slug == state.slug and f'<tr id="{row}">' not in why] == []
    assert re.findall(r'href="/waits/pinned/([^"#]*)#', page("?kernel=6.1"))[0] == "?kernel=6.1"


@pytest.mark.django_db
def test_a_state_that_is_none_is_not_found() -> None:
    assert Client().get("/waits/no-such/").status_code == 404
    assert Client().get("/waits/writeback/?kernel=9.9").status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["?kernel=9.9", "?kernel=7.3&beside=x", "?kernel=%00", "?format=pdf"])
def test_a_kernel_that_nobody_has_read_is_said_to_be_none(query: str) -> None:
    assert Client().get("/waits/" + query).status_code == 400


@pytest.mark.django_db
def test_the_number_of_queries_is_always_the_same(django_assert_num_queries: Any) -> None:
    builders.case("vmsplice-pipe")
    builders.settled(builders.run("vmsplice-pipe", mover="offline"), kernel={"release": "7.3.4", "architecture": "x"})
    for query in ("", "?kernel=7.3&beside=6.1"):
        with django_assert_num_queries(1):  # totals
            page(query)
        with django_assert_num_queries(3):  # totals, boots, cases
            page(query, "reference-anon/")


@pytest.mark.django_db
def test_it_can_be_taken_along() -> None:
    rows = json.loads(page("?format=json"))["rows"]
    assert len(rows) == len(matrix().states) * len(matrix().movers)
    one = next(row for row in rows if row["state"] == "writeback" and row["mover"] == "offline")
    assert one["outcome"] == "sleeps" and one["read"][1].startswith("mm/migrate.c:1280")


@pytest.mark.django_db
def test_the_api_says_the_same() -> None:
    answer = Client().get("/api/v1/waits/?kernel=6.12").json()
    assert (answer["kernel"], answer["release"]) == ("6.12", matrix().releases["6.12"])
    cells = {(cell["state"], cell["mover"]): cell for cell in answer["cells"]}
    assert len(cells) == len(matrix().states) * len(matrix().movers)
    one = cells["locked-uptodate", "kcompactd"]
    assert one["outcome"] == "sleeps" and "agrees" not in one and one["read"][0]["file"] == "mm/compaction.c"
    assert Client().get("/api/v1/waits/?kernel=x").status_code == 400
    assert Client().get("/api/v1/waits/?kernl=6.12").status_code == 400


def test_the_drawing_has_who_sleeps_and_what_it_keeps_from_others() -> None:
    old, new = spread.spread(matrix(), "6.1"), spread.spread(matrix(), "7.3")
    faults = ("mbind(2)", "page faults of that task, and readers of its maps")
    assert faults in [(strand.mover, strand.what) for strand in old.strands]
    assert faults not in [(strand.mover, strand.what) for strand in new.strands]
    assert {box.label for box in new.movers} <= {mover.label for mover in matrix().sleepers("7.3")}
    assert "NUMA balancing" not in {mover.label for mover in matrix().sleepers("7.3")}
    assert all(0 < box.y < new.height for box in (*new.movers, *new.things))
