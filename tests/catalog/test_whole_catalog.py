"""What holds of the catalog and the recorded reports as they are: what a kernel developer types, what strips show."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from catalog.measured import strips
from catalog.measured.waits import evidence
from catalog.measured.waits.matrix import matrix
from catalog.models import Case, Entry, Total
from catalog.revisions import files
from reports.models import Report
from reports.models import State as ReportState
from reports.recorded import files as recordings
from tests.catalog.test_files import call
from tests.catalog.test_search import addresses

pytestmark = [pytest.mark.whole, pytest.mark.django_db, pytest.mark.usefixtures("whole_catalog")]

WANTED = [
    ("folio_wait_writeback", "/cases/fuse-writeback/"),
    ("AS_WRITEBACK_INDETERMINATE", "/strategies/skip-indeterminate-writeback/"),
    ("fs.fuse.max_request_timeout", "/strategies/fuse-request-timeout/"),
    ("20241122232359.429647-5-joannelkoong@gmail.com", "/strategies/skip-indeterminate-writeback/"),
    ("https://lore.kernel.org/all/20241122232359.429647-5-joannelkoong@gmail.com/", "/strategies/skip-indeterminate-"),
    ("0c58a97f919c", "/cases/fuse-writeback/"),
    ("0c58a97", "/cases/fuse-writeback/"),
    ('0c58a97f919c24fe4245015f4375a39ff05665b6 ("fuse: remove tmp folio', "/cases/fuse-writeback/"),
    ("fuse writeback", "/cases/fuse-writeback/"),
    ("vmsplice", "/cases/vmsplice-pipe/"),
    ("io_uring fixed buffers", "/cases/io-uring-fixed-buffers/"),
    ("nfs_migrate_folio()", "/cases/nfs-private-request/"),
    ("vm.compact_unevictable_allowed", "/cases/mlock-compaction-policy/"),
    ("memfd_secret", "/cases/secretmem/"),
    ("sendfile", "/cases/skb-frags-sendfile/"),
    ("CONFIG_ZSMALLOC", "/cases/zsmalloc-busy/"),
    ("guest_memfd", "/cases/guest-memfd/"),
    ("cma_alloc", "/cases/cma-bitmap-full/"),
    ("readahead", "/cases/readahead-locked/"),
    ("gigantic hugetlb", "/cases/hugetlb-gigantic/"),
    ("ublk", "/strategies/ublk-kill-unprivileged-server/"),
    ("swap cache reference", "/strategies/count-swap-cache-references/"),
    ("PG_private_2", "/cases/fscache-private2/"),
    ("timeouts for fuse requests", "/strategies/fuse-request-timeout/"),
    ("comapction mlokc", "/cases/mlock-compaction-policy/"),
    ("userfaltfd", "/cases/userfaultfd-stalled-copy/"),
]


@pytest.mark.parametrize(("query", "first"), WANTED)
def test_the_wanted_entry_comes_first(query: str, first: str) -> None:
    assert addresses(query)[0].startswith(first)


def test_a_symbol_is_found_whole_and_not_by_its_pieces() -> None:
    found = addresses("folio_wait_writeback")
    assert 1 < len(found) < len(addresses("writeback"))
    for address in found:
        assert "folio_wait_writeback" in Entry.objects.get(address=address).body


def test_the_recorded_reports_show_no_change_that_did_not_happen_and_lack_nothing_that_a_case_calls_measured() -> None:
    """Three change: fuse-writeback, where since 6.16 a mover waits for the writeback, device-exclusive, which was
    reworked in 6.15, and gup-longterm, since pins move their pages first from 5.13 on. On 6.18 compaction alone was
    tried."""
    cases = list(Case.objects.all())
    made = strips.strips(cases)
    shown = {case.slug: "".join(cell.glyph for cell in made[case.pk].cells) for case in cases if made[case.pk].mover}
    assert (shown["gup-longterm"], shown["aio-ring"], shown["fuse-writeback"]) == ("●○○∘○", "·●●∘●", "○○○∘●")
    changing = [slug for slug, glyphs in shown.items() if len(set(glyphs) - {"∘", "·"}) > 1]
    assert sorted(changing) == ["device-exclusive", "fuse-writeback", "gup-longterm"]
    claiming = Case.objects.filter(effects__standing="measured").distinct()
    assert [case.slug for case in claiming if not made[case.pk].lines] == [], "what says measured has a run that counts"


def test_a_second_load_finds_the_same() -> None:
    """That each file loads as new is seen when the database that this is a copy of is made."""
    assert call("load_cases") == (f"catalog: {len(files.all_files())} same\n", "")


def test_an_untouched_load_is_exported_byte_for_byte(tmp_path: Path) -> None:
    out, _ = call("export_cases", str(tmp_path))
    real = files.all_files()
    assert out.endswith(f"exported: {len(real)} new\n")
    assert len(list(tmp_path.glob("*/*"))) == len(real)
    for path in real:
        assert (tmp_path / path.parent.name / path.name).read_bytes() == path.read_bytes()
    assert call("export_cases", str(tmp_path)) == (f"exported: {len(real)} same\n", "")


def test_every_recorded_report_is_there_once_and_settled() -> None:
    number = len(recordings.paths())
    assert number, "there is nothing recorded"
    assert call("load_recorded") == (f"recorded reports: 0 new of {number}\n", "")
    assert Counter(Report.objects.values_list("state", flat=True)) == {ReportState.SETTLED: number}


def test_measured_cells_are_the_evidence_and_agree_with_the_source() -> None:
    one = matrix()
    found = evidence.measured(one, None)
    assert found
    for (line, state, mover), runs in found.items():
        assert evidence.agrees(one.cell(line, state, mover), runs) is not False, (line, state, mover, runs)
    hung = found["7.3", "writeback", "offline"]
    totals = Total.objects.filter(
        case__slug="fuse-writeback", mover="offline", build__release__startswith="7.3", build__label=""
    )
    fuse = [run for run in hung if run.case == "fuse-writeback"]
    assert sum(run.outcomes["hangs"] for run in fuse) == sum(total.held for total in totals) > 0
