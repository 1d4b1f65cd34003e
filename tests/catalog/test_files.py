"""Files into the catalog, each by itself, never over what was edited on the site."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from catalog.models import Case, Document, Revision
from catalog.models.text import Origin, State
from catalog.revisions import files, store
from tests import builders


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty catalog on disk, in place of the real one."""
    for name in ("cases", "strategies"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(files, "FOLDERS", {"case": tmp_path / "cases", "strategy": tmp_path / "strategies"})
    return tmp_path


def put(folder: Path, text: str, name: str = "cases/fuse-writeback.md") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def load() -> list[str]:
    return [loaded.result for loaded in files.load(files.all_files())]


def edit_on_the_site(title: str = "As edited") -> None:
    store.save(builders.case_text(title=title), origin=Origin.SITE, author=builders.person())


def test_cases_come_before_the_strategies_that_speak_of_them(folder: Path) -> None:
    put(folder, "", "strategies/a.md")
    put(folder, "", "cases/b.md")
    put(folder, "", "cases/a.md")
    put(folder, "", "cases/notes.txt")
    assert [str(path.relative_to(folder)) for path in files.all_files()] == [
        "cases/a.md",
        "cases/b.md",
        "strategies/a.md",
    ]


def test_checking_a_file_tells_what_is_wrong_with_it(folder: Path) -> None:
    assert files.check(put(folder, builders.case_text())) == ()
    assert [p.field for p in files.check(put(folder, builders.case_text(kind="bug")))] == ["kind"]
    (misnamed,) = files.check(put(folder, builders.case_text("another")))
    assert misnamed.message == "expected the file to be called another.md"
    (folder / "cases" / "x.md").write_bytes(b"---\n\xff")
    assert files.check(folder / "cases" / "x.md")[0].message == "expected UTF-8: byte 4 is not"


@pytest.mark.django_db
def test_a_file_is_new_then_the_same_then_revised(folder: Path) -> None:
    put(folder, builders.case_text())
    assert load() == ["new"]
    assert load() == ["same"]
    put(folder, builders.case_text(title="Another title"))
    assert load() == ["revised"]
    assert Case.objects.get().title == "Another title"
    assert [r.origin for r in Revision.objects.all()] == ["file", "file"]


@pytest.mark.django_db
def test_what_was_edited_on_the_site_stays_when_the_file_did_not_change(folder: Path) -> None:
    put(folder, builders.case_text())
    load()
    edit_on_the_site()
    assert load() == ["site is ahead"]
    assert Case.objects.get().title == "As edited"


def site_says(old: str, new: str) -> None:
    """Somebody edits one line on the site."""
    current = current_text()
    assert old in current
    store.save(current.replace(old, new), origin=Origin.SITE, author=builders.person())


def current_text() -> str:
    return Revision.objects.order_by("-n")[0].text


LONG = builders.case_text(body="First.\n\nSecond.\n\nThird.")


@pytest.mark.django_db
def test_changes_of_file_and_site_in_different_places_are_merged(folder: Path) -> None:
    put(folder, LONG)
    load()
    site_says("Third.", "Third, on the site.")
    put(folder, LONG.replace("First.", "First, in the file."))
    assert load() == ["merged"]
    merged = LONG.replace("First.", "First, in the file.").replace("Third.", "Third, on the site.")
    assert current_text() == merged
    made = Revision.objects.get(n=3)
    assert (made.origin, made.base) == ("file", 2)
    assert load() == ["site is ahead"]


@pytest.mark.django_db
def test_what_the_site_took_back_is_not_merged_in_again(folder: Path) -> None:
    put(folder, LONG)
    load()
    site_says("Third.", "Third, on the site.")
    put(folder, LONG.replace("First.", "First, in the file."))
    load()
    site_says("First, in the file.", "First.")
    assert load() == ["site is ahead"]
    assert "in the file" not in current_text()


@pytest.mark.django_db
def test_changes_of_the_same_line_are_a_conflict_told_by_line_and_the_sites_text_stays(folder: Path) -> None:
    path = put(folder, LONG)
    load()
    site_says("Second.", "Second, on the site.")
    put(folder, LONG.replace("Second.", "Second, in the file."))
    (loaded,) = files.load([path])
    assert loaded.result == "conflict"
    (problem,) = loaded.problems
    assert path.read_text().split("\n")[problem.line - 1] == "Second, in the file."
    assert problem.message == (
        "the site (revision 2, line 14) has 'Second, on the site.' where the file has 'Second, in the file.'"
    )
    assert "Second, on the site." in current_text() and Revision.objects.count() == 2
    assert load() == ["conflict"], "it is told until somebody settles it"
    site_says("Second, on the site.", "Second, in the file.")
    assert load() == ["same"]


@pytest.mark.django_db
def test_file_and_site_that_are_good_alone_may_not_be_good_together(folder: Path) -> None:
    put(folder, LONG)
    load()
    site_says('mechanism: "writeback"', 'areas: ["zone_movable"]\nmechanism: "writeback"')
    path = put(folder, LONG.replace("subsystems:", 'areas: ["migrate_cma"]\nsubsystems:'))
    (loaded,) = files.load([path])
    assert loaded.result == "conflict" and "each is good" in loaded.problems[0].message
    assert Revision.objects.count() == 2


@pytest.mark.django_db
def test_a_file_that_took_the_sites_text_over_is_the_same_and_the_next_edit_starts_there(folder: Path) -> None:
    put(folder, LONG)
    load()
    site_says("Second.", "Second, on the site.")
    put(folder, current_text())
    assert load() == ["same"]
    site_says("Second, on the site.", "Second, once more.")
    assert load() == ["site is ahead"]


@pytest.mark.django_db
@pytest.mark.parametrize("state", [State.PROPOSED, State.DECLINED, State.DRAFT])
def test_a_file_publishes_what_it_names(folder: Path, state: State) -> None:
    put(folder, LONG)
    store.save(LONG, origin=Origin.SITE, author=builders.person(), new=True, state=state)
    assert load() == ["same"]
    document = Document.objects.get()
    assert document.state == State.PUBLISHED
    assert document.current is not None and not document.current.in_draft


@pytest.mark.django_db
@pytest.mark.parametrize("state", [State.PROPOSED, State.DECLINED])
@pytest.mark.parametrize("head", [{}, {"slug": "another-case", "aliases": ["fuse-writeback"]}])
def test_a_file_takes_its_names_from_proposals(folder: Path, state: State, head: dict[str, Any]) -> None:
    given = {"origin": Origin.SITE, "author": builders.person(), "new": True, "state": state}
    proposal = store.save(LONG, **given).document
    text = builders.case_text(**{"title": "As in the file", **head})
    put(folder, text, f"cases/{head.get('slug', 'fuse-writeback')}.md")
    out, err = call("load_cases")
    proposal.refresh_from_db()
    assert out == "catalog: 1 new\n"
    assert f"took its name from a proposal, which is {proposal.slug} now" in err
    assert proposal.slug == f"fuse-writeback-proposal-{proposal.pk}" and proposal.state == state
    assert proposal.current is not None and f"case: {proposal.slug}" in proposal.current.text
    assert Client().get(f"/cases/{proposal.slug}/").status_code == 200
    ours = Case.objects.named("fuse-writeback")
    assert ours is not None and ours.title == "As in the file" and ours.document.state == State.PUBLISHED
    assert call("load_cases", "--strict") == ("catalog: 1 same\n", "")


@pytest.mark.django_db
def test_a_name_that_somebody_foresaw_is_given_to_no_other_proposal(folder: Path) -> None:
    given = {"origin": Origin.SITE, "author": builders.person(), "new": True, "state": State.PROPOSED}
    first = store.save(LONG, **given).document
    foreseen = store.save(builders.case_text(f"fuse-writeback-proposal-{first.pk}"), **given).document
    put(folder, builders.case_text())
    assert load() == ["new"]
    first.refresh_from_db()
    assert first.slug == f"{foreseen.slug}-1"


@pytest.mark.django_db
def test_a_malformed_file_leaves_the_others_loaded(folder: Path) -> None:
    put(folder, builders.case_text("aa"), "cases/aa.md")
    put(folder, "nothing", "cases/bb.md")
    put(folder, builders.case_text("cc", aliases=["aa"]), "cases/cc.md")
    put(folder, builders.case_text("dd"), "cases/dd.md")
    assert load() == ["new", "malformed", "malformed", "new"]
    assert sorted(Case.objects.values_list("slug", flat=True)) == ["aa", "dd"]


def call(command: str, *args: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(command, *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.django_db
def test_load_cases_counts_what_it_did_and_names_conflicts(folder: Path) -> None:
    put(folder, builders.case_text())
    put(folder, builders.strategy_text(), "strategies/a-strategy.md")
    assert call("load_cases") == ("catalog: 2 new\n", "")
    edit_on_the_site()
    put(folder, builders.case_text(title="As in the file"))
    out, err = call("load_cases")
    assert out == "catalog: 1 conflict, 1 same\n"
    assert err.split("\n")[0] == "fuse-writeback.md: file and site changed the same lines; the site's text stays"
    assert err.split("\n")[1].startswith("fuse-writeback.md:3: the site (revision 2, line 3) has 'title: ")


@pytest.mark.django_db
def test_a_file_that_cannot_be_loaded_is_told_and_does_not_stop_the_start(folder: Path) -> None:
    put(folder, builders.case_text(kind="bug"))
    put(folder, builders.case_text("good"), "cases/good.md")
    out, err = call("load_cases")
    assert out == "catalog: 1 malformed, 1 new\n"
    assert "fuse-writeback.md:4: kind: expected one of" in err and "NOT LOADED: 1 files" in err
    assert Case.objects.get().slug == "good"
    with pytest.raises(CommandError, match="NOT LOADED"):
        call_command("load_cases", "--strict", stdout=StringIO(), stderr=StringIO())


@pytest.mark.django_db
def test_an_edit_on_the_site_is_exported_and_loads_as_the_same(folder: Path) -> None:
    path = put(folder, LONG)
    load()
    site_says("Second.", "Second “quoted”\r\nwith an odd line end.")
    assert call("export_cases", str(folder))[0] == f"changed: {path}\nexported: 1 changed\n"
    assert path.read_bytes().decode() == current_text()
    assert load() == ["same"]


@pytest.mark.django_db
def test_what_is_not_public_or_not_reviewed_is_not_exported(tmp_path: Path) -> None:
    for state in State:
        slug = f"case-{state}"
        store.save(builders.case_text(slug), origin=Origin.SITE, new=True, state=state)
    call("export_cases", str(tmp_path))
    assert [path.name for path in tmp_path.glob("*/*")] == ["case-published.md"]


@pytest.mark.django_db
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    builders.case()
    (tmp_path / "cases").write_text("a file where a folder should be")
    with pytest.raises(CommandError, match=r"cases.*: (File exists|Not a directory)"):
        call_command("export_cases", str(tmp_path), stdout=StringIO())


def test_check_cases_tells_file_line_and_field(folder: Path) -> None:
    path = put(folder, builders.case_text())
    assert call("check_cases") == ("1 file checked, nothing to mend\n", "")
    assert call("check_cases", str(path))[0] == "1 file checked, nothing to mend\n"
    put(folder, builders.case_text(kind="bug"))
    err = StringIO()
    with pytest.raises(CommandError, match="1 problem in 1 file"):
        call_command("check_cases", stdout=StringIO(), stderr=err)
    assert err.getvalue().startswith(f"{path}:4: kind: expected one of case")
    with pytest.raises(CommandError, match="no such file"):
        call_command("check_cases", str(folder / "gone.md"))


def test_files_are_checked_by_somebody_who_has_no_database(tmp_path: Path) -> None:
    """CONTRIBUTING.md says so, and a patch is often made where the site has never run."""
    environment = {"PATH": os.environ["PATH"], "UNMIGRATABLE_VAR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "manage.py", "check_cases", "data/cases/fuse-writeback.md"],
        cwd=files.FOLDERS["case"].parents[1],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 file checked, nothing to mend\n", "")
    assert list(tmp_path.iterdir()) == []
