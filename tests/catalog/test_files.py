"""Files into the catalog, each by itself, never over what was edited on the site."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog import files, revisions
from catalog.models import Case, Revision
from catalog.models.text import Origin
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
    revisions.save(builders.case_text(title=title), origin=Origin.SITE, author=builders.person())


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


@pytest.mark.django_db
def test_what_was_edited_on_the_site_stays_when_the_file_changed_too(folder: Path) -> None:
    put(folder, builders.case_text())
    load()
    edit_on_the_site()
    put(folder, builders.case_text(title="As in the file"))
    assert load() == ["conflict"]
    assert Case.objects.get().title == "As edited"


@pytest.mark.django_db
def test_a_file_that_took_the_sites_text_over_is_the_same(folder: Path) -> None:
    put(folder, builders.case_text())
    load()
    edit_on_the_site()
    put(folder, builders.case_text(title="As edited"))
    assert load() == ["same"]


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
def test_load_cases_counts_what_it_did(folder: Path) -> None:
    put(folder, builders.case_text())
    put(folder, builders.strategy_text(), "strategies/a-strategy.md")
    assert call("load_cases") == ("catalog: 2 new\n", "")
    edit_on_the_site()
    put(folder, builders.case_text(title="As in the file"))
    out, err = call("load_cases")
    assert out == "catalog: 1 conflict, 1 same\n"
    assert "fuse-writeback.md: the file and the site were both changed" in err


@pytest.mark.django_db
def test_load_cases_fails_after_loading_what_is_good(folder: Path) -> None:
    put(folder, builders.case_text(kind="bug"))
    put(folder, builders.case_text("good"), "cases/good.md")
    err = StringIO()
    with pytest.raises(CommandError, match="some files were not loaded"):
        call_command("load_cases", stdout=StringIO(), stderr=err)
    assert "fuse-writeback.md: line 4: kind: expected one of" in err.getvalue()
    assert Case.objects.get().slug == "good"


@pytest.mark.django_db
def test_the_real_catalog_loads_whole_and_twice() -> None:
    number = len(files.all_files())
    assert call("load_cases") == (f"catalog: {number} new\n", "")
    assert call("load_cases") == (f"catalog: {number} same\n", "")


def test_check_cases_tells_file_line_and_field(folder: Path) -> None:
    path = put(folder, builders.case_text())
    assert call("check_cases") == ("1 files are good\n", "")
    assert call("check_cases", str(path))[0] == "1 files are good\n"
    put(folder, builders.case_text(kind="bug"))
    err = StringIO()
    with pytest.raises(CommandError, match="1 problems in 1 files"):
        call_command("check_cases", stdout=StringIO(), stderr=err)
    assert err.getvalue().startswith(f"{path}:4: kind: expected one of case")
    with pytest.raises(CommandError, match="no such file"):
        call_command("check_cases", str(folder / "gone.md"))
