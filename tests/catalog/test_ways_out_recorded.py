"""What was measured of the real strategies, from their files and the recorded reports to the words on the pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from catalog.measured.ways_out import effect
from catalog.models.text import Origin
from catalog.revisions import store
from reports.recorded import files
from tests import builders
from tools import ways

pytestmark = pytest.mark.django_db


def in_one_line(text: str) -> str:
    return " ".join(text.split())


RELEASE = "7.3.4+deb13-amd64"
FINDINGS = in_one_line((settings.BASE_DIR / "docs" / "findings.md").read_text())
# strategy, label of the base, label with it, case and mover, without, with, effect
MEASURED = [
    ("fuse-request-timeout", "base", "", "fuse-writeback-offline", "hangs 5/5", "moves 5/5", "solves"),
    (
        "user-mode-faults-only",
        "base of user-mode-faults-only",
        "",
        "aio-ring-move_pages-unprivileged",
        "refuses 5/5",
        "moves 5/5",
        "solves",
    ),
    (
        "compact-unevictable",
        "base of compact-unevictable",
        "",
        "mlock-compaction-policy-compaction",
        "refuses 5/5",
        "moves 5/5",
        "solves",
    ),
]


def folder(label: str) -> Path:
    return files.FOLDER / re.sub(r"[^A-Za-z0-9.+_-]+", "-", f"guest-{RELEASE}-{label}")


@pytest.mark.parametrize("slug, base, label, what, without, having, said", MEASURED)
def test_from_the_records_to_the_pages(
    slug: str, base: str, label: str, what: str, without: str, having: str, said: str
) -> None:
    case = what.removesuffix("-unprivileged").rpartition("-")[0]
    builders.case(case)
    store.save((settings.BASE_DIR / "data/strategies" / f"{slug}.md").read_text(), origin=Origin.FILE)
    for each in (base, label or slug):
        paths = sorted(folder(each).glob(what + "*.json.gz"))
        assert len(paths) == 5, "a report a boot"
        for path in paths:
            builders.recorded(files.read(path))
    label_said = effect.word(said).label
    page = in_one_line(Client().get(f"/strategies/{slug}/").text)
    assert f'<span class="way-{said}">{label_said}</span>' in page.split('id="measured"')[1]
    assert f'class="way-{said}"' in Client().get("/strategies/").text
    mail = Client().get(f"/strategies/{slug}/tested").text
    assert without in mail and having in mail and f"{label_said}, p=0.0079" in in_one_line(mail)
    agenda = Client().get("/agenda.md").text
    assert f"/strategies/{slug}/" in agenda and "with it" in in_one_line(agenda)
    assert f"{without} | {having} | {label_said}, p 0.0079" in FINDINGS


def test_runs_in_two_areas_are_not_set_side_by_side() -> None:
    """Without the setting the pin takes the pages out of ZONE_MOVABLE; with it they are there and move."""
    builders.case("gup-longterm")
    store.save((settings.BASE_DIR / "data/strategies/io-uring-for-few.md").read_text(), origin=Origin.FILE)
    for label in ("base", "io-uring-for-few"):
        for path in sorted(folder(label).glob("gup-longterm-move_pages-unprivileged*.json.gz")):
            builders.recorded(files.read(path))
    text = in_one_line(Client().get("/strategies/io-uring-for-few/").text).split('id="measured"')[1]
    assert "way-solves" not in text and "not compared: a pin first takes the pages out of ZONE_MOVABLE" in text


def test_every_labelled_record_is_of_a_trial() -> None:
    """Or the base of one. Else nobody would find it again."""
    labels = {each.label for each in ways.trials() if each.label}
    known = {"base", *labels, *("base of " + label for label in labels)}
    names = {folder(label).name for label in known}
    names |= {name.replace(RELEASE, "7.3.4-lab") for name in names}
    labelled = {path.name for path in files.FOLDER.iterdir() if "-amd64-" in path.name or "-lab" in path.name}
    assert labelled <= names
