"""What was measured of the real strategies, from their files and the recorded reports to the words on the pages."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
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


DEBIAN, BUILT = "7.3.4+deb13-amd64", "7.3.4-lab"
NOWHERE = "never there 5/5"
FINDINGS = in_one_line((settings.BASE_DIR / "docs" / "findings.md").read_text())


@dataclass(frozen=True)
class Row:
    """`what`: case and mover, as names of records begin. `label`: of the runs with it, if that is not the slug."""

    slug: str
    what: str
    without: str
    having: str
    said: str
    label: str = ""
    own_base: bool = False
    release: str = DEBIAN

    @property
    def case(self) -> str:
        return self.what.removesuffix("-unprivileged").rpartition("-")[0]

    @property
    def labels(self) -> tuple[str, str]:
        label = self.label or self.slug
        return ("base of " + label if self.own_base else "base"), label


MEASURED = [
    Row("fuse-request-timeout", "fuse-writeback-offline", "hangs 5/5", "moves 5/5", "solves"),
    Row(
        "user-mode-faults-only", "aio-ring-move_pages-unprivileged", "refuses 5/5", "moves 5/5", "solves", own_base=True
    ),
    Row(
        "compact-unevictable",
        "mlock-compaction-policy-compaction",
        "refuses 5/5",
        "moves 5/5",
        "solves",
        own_base=True,
    ),
    Row("vmsplice-copies", "vmsplice-pipe-offline", "refuses 5/5", "moves 5/5", "solves", release=BUILT),
    Row(
        "skip-indeterminate-writeback", "fuse-writeback-move_pages", "hangs 5/5", "refuses 5/5", "helps", release=BUILT
    ),
    Row("skip-indeterminate-writeback", "fuse-writeback-offline", "hangs 5/5", "refuses 5/5", "helps", release=BUILT),
    *(
        Row("offline-in-light-mode", case + "-offline", "hangs 5/5", "refuses 5/5", "helps", release=BUILT)
        for case in ("fuse-writeback", "readahead-locked")
    ),
    *(
        Row("unmovable-memory-for-untrusted-servers", case + "-offline", "hangs 5/5", NOWHERE, "solves", release=BUILT)
        for case in ("fuse-writeback", "readahead-locked")
    ),
    *(
        Row(
            "longterm-pin-migrates-first",
            case + "-offline",
            "refuses 5/5",
            "leaves first 5/5",
            "solves",
            own_base=True,
            release=BUILT,
        )
        for case in ("gup-longterm", "io-uring-fixed-buffers")
    ),
    Row(
        "unmovable-allocation-for-held-memory",
        "secretmem-offline",
        "refuses 5/5",
        NOWHERE,
        "solves",
        own_base=True,
        release=BUILT,
    ),
    *(
        Row(slug, "split-dirty-iomap-split", "refuses 5/5", "moves 5/5", "solves", release=BUILT)
        for slug in ("drop-metadata-of-dirty-folio", "writeback-before-split")
    ),
    Row(
        "kill-unresponsive-servers",
        "fuse-writeback-move_pages-unprivileged",
        "hangs 5/5",
        "moves 5/5",
        "solves",
        release=BUILT,
    ),
    Row(
        "longterm-pin-for-vmsplice", "vmsplice-pipe-offline", "refuses 5/5", "leaves first 5/5", "solves", release=BUILT
    ),
    Row("honour-mapping-gfp-mask", "bh-refs-blockdev-offline", "refuses 5/5", NOWHERE, "solves", release=BUILT),
]


def folder(label: str, release: str = DEBIAN) -> Path:
    return files.FOLDER / re.sub(r"[^A-Za-z0-9.+_-]+", "-", f"guest-{release}-{label}")


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: f"{row.label or row.slug}-{row.what}")
def test_from_the_records_to_the_pages(row: Row) -> None:
    builders.case(row.case)
    store.save((settings.BASE_DIR / "data/strategies" / f"{row.slug}.md").read_text(), origin=Origin.FILE)
    for label in row.labels:
        paths = sorted(folder(label, row.release).glob(row.what + ".*json.gz"))
        assert len(paths) == 5, "a report a boot"
        for path in paths:
            builders.recorded(files.read(path))
    label_said = effect.word(row.said).label
    page = in_one_line(Client().get(f"/strategies/{row.slug}/").text)
    assert f'<span class="way-{row.said}">{label_said}</span>' in page.split('id="measured"')[1]
    assert f'class="way-{row.said}"' in Client().get("/strategies/").text
    mail = Client().get(f"/strategies/{row.slug}/tested").text
    p = {"no_change": "1"}.get(row.said, "0.0079")
    assert row.without in mail and row.having in mail and f"{label_said}, p={p}" in in_one_line(mail)
    agenda = Client().get("/agenda.md").text
    assert f"/strategies/{row.slug}/" in agenda and "with it" in in_one_line(agenda)
    assert f"{row.without} | {row.having} | {label_said}, p {p}" in FINDINGS


def test_runs_in_two_areas_are_not_set_side_by_side() -> None:
    """Without the setting the pin takes the pages out of ZONE_MOVABLE; with it they are there and move."""
    builders.case("gup-longterm")
    store.save((settings.BASE_DIR / "data/strategies/io-uring-for-few.md").read_text(), origin=Origin.FILE)
    for label in ("base", "io-uring-for-few"):
        for path in sorted(folder(label).glob("gup-longterm-move_pages-unprivileged*.json.gz")):
            builders.recorded(files.read(path))
    text = in_one_line(Client().get("/strategies/io-uring-for-few/").text).split('id="measured"')[1]
    assert "way-solves" not in text and "not compared: a pin first takes the pages out of ZONE_MOVABLE" in text


# Two releases: strategy, records of a case by a mover, before, after, and what it comes to.
RELEASES = [
    ("copy-for-untrusted-servers", "fuse-writeback-move_pages", DEBIAN, "6.12.95+deb12-amd64", "solves"),
    ("non-uniform-split", "split-dirty-iomap-split", "6.12.95+deb12-amd64", DEBIAN, "no_change"),
    ("device-exclusive-rework", "device-exclusive-offline", "6.12.117-lab", BUILT, "solves"),
    (
        *("count-swap-cache-references", "shmem-swapcache-refcount-offline"),
        *("6.12.57+deb12-amd64", "6.12.95+deb12-amd64", "solves"),
    ),
]


@pytest.mark.parametrize(("slug", "what", "before", "after", "said"), RELEASES, ids=lambda one: str(one))
def test_two_releases_are_set_side_by_side(slug: str, what: str, before: str, after: str, said: str) -> None:
    builders.case(what.rpartition("-")[0])
    store.save((settings.BASE_DIR / "data/strategies" / f"{slug}.md").read_text(), origin=Origin.FILE)
    for release in (before, after):
        for path in sorted((files.FOLDER / f"guest-{release}").glob(what + ".*json.gz")):
            builders.recorded(files.read(path))
    page = in_one_line(Client().get(f"/strategies/{slug}/").text)
    assert f'<span class="way-{said}">{effect.word(said).label}</span>' in page.split('id="measured"')[1]


def test_each_strategy_is_measured_or_says_why_not() -> None:
    """In words of its own: a reason that fits two strategies is none of either."""
    measured = {row.slug for row in MEASURED} | {slug for slug, *_ in RELEASES}
    heads = {
        path.stem: path.read_text().split("\n---\n")[0] for path in (settings.BASE_DIR / "data/strategies").iterdir()
    }
    reasons = {slug: yaml.safe_load(head).get("not_measured") for slug, head in heads.items()}
    assert len(reasons) >= 35 and measured < set(reasons)
    assert {slug for slug, why in reasons.items() if not why} == measured
    told = Counter(filter(None, reasons.values()))
    assert [why for why, number in told.items() if number > 1] == []


def test_every_labelled_record_is_of_a_trial() -> None:
    """Or the base of one. Else nobody would find it again."""
    labels = {each.label for each in ways.trials() if each.label}
    known = {"base", *labels, *("base of " + label for label in labels)}
    names = {folder(label).name for label in known}
    names |= {name.replace(DEBIAN, BUILT) for name in names}
    labelled = {path.name for path in files.FOLDER.iterdir() if "-amd64-" in path.name or "-lab-" in path.name}
    assert labelled <= names
