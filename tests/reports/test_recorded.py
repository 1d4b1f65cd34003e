"""What this project recorded itself: whole, small, replayed through the real ingest, and marked as recorded."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from diagnosis.formats import envelope
from diagnosis.words.vocabulary import CONCLUSIVE
from reports.models import Evidence, Report
from reports.recorded import files, matrix
from tests import builders

MOST_BYTES = 5 << 20


@pytest.fixture
def lab_kept(tmp_path: Path) -> Path:
    """A folder as the lab leaves it, with one report."""
    folder = tmp_path / "guest-7.3.4"
    folder.mkdir()
    report = builders.envelope(builders.run(), started_at="2026-11-22T22:20:05Z")
    (folder / "fuse-writeback-compaction.json").write_text(json.dumps(report, indent=1))
    return folder


def test_every_file_is_whole_and_says_when_where_and_how() -> None:
    found = list(files.every())
    assert len(found) > 100
    for one in found:
        sent = envelope.read(one.body)
        assert sent.kernel.release == one.kernel
        assert one.recorded_at.tzinfo
        assert one.command.startswith("probe.pyz ")
        assert sent.runs[0].case in one.command.split()


def test_all_files_together_are_small() -> None:
    assert sum(path.stat().st_size for path in files.paths()) < MOST_BYTES


def test_nothing_else_lies_beside_them() -> None:
    assert sorted(path for path in files.FOLDER.rglob("*") if path.is_file()) == files.paths()


def test_no_report_is_there_twice() -> None:
    runs = [one.run_id for one in files.every()]
    assert len(set(runs)) == len(runs)


def test_the_same_report_gives_the_same_bytes() -> None:
    report = builders.envelope(started_at="2026-11-22T22:20:05Z")
    made = files.packed(report, "probe.pyz run x")
    assert made == files.packed(dict(reversed(report.items())), "probe.pyz run x")
    assert made[4:8] == b"\0\0\0\0", "a time of packing in the file's head"


def test_what_the_lab_kept_is_recorded_and_read_back(lab_kept: Path, tmp_path: Path) -> None:
    call_command("record_reports", lab_kept, kernel="trixie-backports", into=tmp_path / "out", stdout=StringIO())
    (one,) = files.every(tmp_path / "out")
    assert (one.machine, one.kernel, one.recorded_at.isoformat()) == (
        "guest-7.3.4",
        "6.18.44",
        "2026-11-22T22:20:05+00:00",
    )
    assert one.command == "probe.pyz lab trixie-backports --cases fuse-writeback --movers compaction --repeat 1"


def test_a_report_that_is_recorded_keeps_the_command_that_measured_it(lab_kept: Path, tmp_path: Path) -> None:
    """Ways out share a base, and the second one's command would not measure the first one's cases again."""
    call_command("record_reports", lab_kept, command="probe.pyz lab first", into=tmp_path / "out", stdout=StringIO())
    other = builders.envelope(builders.run(), started_at="2026-11-22T22:21:05Z")
    (lab_kept / "fuse-writeback-offline.json").write_text(json.dumps(other))
    said = StringIO()
    call_command("record_reports", lab_kept, command="probe.pyz lab second", into=tmp_path / "out", stdout=said)
    assert [one.command for one in files.every(tmp_path / "out")] == ["probe.pyz lab first", "probe.pyz lab second"]
    assert "1 recorded" in said.getvalue() and "1 were there already" in said.getvalue()


def test_one_bad_report_in_the_folder_and_nothing_is_recorded(lab_kept: Path, tmp_path: Path) -> None:
    (lab_kept / "x-offline.json").write_text('{"format": "unmigratable-report"}')
    with pytest.raises(CommandError, match=r"x-offline\.json"):
        call_command("record_reports", lab_kept, into=tmp_path / "out", stdout=StringIO())
    assert not (tmp_path / "out").exists()


def test_a_command_names_what_would_measure_it_again() -> None:
    report = builders.envelope(builders.run(), builders.run())
    assert files.command_for(report) == ("probe.pyz run fuse-writeback --mover compaction --repeat 2 --on-this-host")
    spread = builders.envelope(builders.run(facts={"nr_target_blocks": 16}))
    spread["kernel"]["label"] = "fix v3"
    assert files.command_for(spread, "a/bzImage") == (
        "probe.pyz lab a/bzImage --cases fuse-writeback --spread --repeat 1 --label 'fix v3'"
    )
    plain = builders.envelope(builders.run(mover="kcompactd", holder="unprivileged"))
    assert files.command_for(plain, "sid") == (
        "probe.pyz lab sid --cases fuse-writeback --movers kcompactd --holder unprivileged --repeat 1"
    )


def test_a_file_cut_short_says_so(tmp_path: Path) -> None:
    whole = files.packed(builders.envelope(started_at="2026-11-22T22:20:05Z"), "probe.pyz run x")
    (tmp_path / "box").mkdir()
    path = tmp_path / "box" / "x.json.gz"
    path.write_bytes(whole)
    assert files.read(path).machine == "box"
    path.write_bytes(whole[:-20])
    with pytest.raises((EOFError, gzip.BadGzipFile)):
        files.read(path)


@pytest.mark.django_db
class TestOnTheSite:
    def test_what_was_recorded_is_marked_and_what_was_sent_is_not(self, lab_kept: Path, tmp_path: Path) -> None:
        call_command("record_reports", lab_kept, kernel="trixie", into=tmp_path / "out", stdout=StringIO())
        builders.case()
        builders.settled()
        (one,) = files.every(tmp_path / "out")
        builders.recorded(one)
        ours, sent = Report.objects.get(recorded_at__isnull=False), Report.objects.get(recorded_at=None)
        page = Client().get(ours.get_absolute_url()).content.decode()
        assert "Recorded by this project" in page
        assert one.command in page
        assert "Recorded by this project" not in Client().get(sent.get_absolute_url()).content.decode()
        assert Client().get("/cases/fuse-writeback/").content.decode().count(">recorded<") == 1
        told = Client().get(f"/api/v1/reports/{ours.pk}/").json()
        assert told["recorded"] == {"at": "2026-11-22T22:20:05Z", "command": one.command}
        assert told["evidence"][0]["recorded"] is True
        plain = Client().get(f"/api/v1/reports/{sent.pk}/").json()
        assert "recorded" not in plain
        assert "recorded" not in plain["evidence"][0]

    def test_it_was_seen_when_it_was_recorded(self, lab_kept: Path, tmp_path: Path) -> None:
        call_command("record_reports", lab_kept, into=tmp_path / "out", stdout=StringIO())
        builders.case()
        (one,) = files.every(tmp_path / "out")
        builders.recorded(one)
        assert Evidence.objects.get().seen_at == one.recorded_at


# What docs/findings.md says of them

FINDINGS = (settings.BASE_DIR / "docs" / "findings.md").read_text()
SEED = (
    *("gup-longterm", "device-exclusive", "fuse-writeback"),
    *("readahead-locked", "netfs-unresponsive-server", "split-dirty-iomap"),
)


def test_the_matrix_is_that_of_the_records() -> None:
    """`manage.py recorded_matrix` prints it."""
    told = FINDINGS.partition("<!-- matrix -->\n")[2].partition("<!-- end of matrix -->")[0]
    assert told == matrix.table(files.every())


def test_a_run_of_numa_balancing_that_marked_nothing_had_ten_passes_that_came_to_the_target() -> None:
    """A pass that passes the mapping by, in the kernel's own words, has not met what lies there."""
    too_few, found = [], 0
    for one in files.every():
        for run in json.loads(one.body)["runs"]:
            facts = run.get("facts", {})
            if run.get("mover") != "numa_balancing" or run["outcome"] != "refuses":
                continue
            found += 1
            nr_skipped = sum(int(number) for number in re.findall(r"\w (\d+)", facts["mapping_of_target_skipped"]))
            came = facts["nr_scanner_passes"] - nr_skipped >= 10 and facts["nr_control_pages_marked"] > 0
            if not came and facts["nr_target_pages_marked"] < run["target"]["nr_pages"]:
                too_few.append(f"{one.kernel} {run['case']}")
    assert found > 30 and not too_few


@pytest.mark.parametrize("case", SEED)
def test_each_case_of_the_seed_has_two_kernels_or_a_reason(case: str) -> None:
    kernels = {
        one.kernel
        for one in files.every()
        for run in envelope.read(one.body).runs
        if run.case == case and run.outcome in CONCLUSIVE and not json.loads(one.body)["kernel"].get("label")
    }
    (row,) = [line for line in FINDINGS.splitlines() if line.startswith(f"| {case} | ") and line.count("|") == 4]
    named, why = [cell.strip() for cell in row.split("|")[2:4]]
    assert set(re.findall(r"\d+\.\d+[\w.+-]*", named)) == kernels
    assert len(kernels) >= 2 or len(why) > 100


def test_a_run_that_failed_counts_where_its_report_does(tmp_path: Path) -> None:
    failed = {"case": "fuse-writeback", "mover": "compaction", "outcome": "error", "reason": "x"}
    report = builders.envelope(
        builders.run(facts={"nr_target_blocks": 16}), {**builders.run(), **failed}, started_at="2026-11-24T14:40:05Z"
    )
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "x.json.gz").write_bytes(files.packed(report, "probe.pyz run x"))
    rows = matrix.table(files.every(tmp_path)).splitlines()[2:]
    assert len(rows) == 1
    assert "compaction, spread" in rows[0]
    assert "1 error" in rows[0]


def test_what_was_measured_under_a_label_is_no_kernel_of_the_matrix(tmp_path: Path) -> None:
    for label in ("", "fix v3"):
        kernel = {"release": "7.3.4", "architecture": "x86_64", **({"label": label} if label else {})}
        report = builders.envelope(builders.run(), kernel=kernel, started_at="2026-11-24T14:40:05Z")
        (tmp_path / "box").mkdir(exist_ok=True)
        (tmp_path / "box" / f"x{label}.json.gz").write_bytes(files.packed(report, "probe.pyz run x"))
    assert matrix.table(files.every(tmp_path)).splitlines()[2:] == ["| fuse-writeback | compaction | hangs 1/1 |"]


def test_a_cell_counts_what_is_conclusive_and_names_the_rest() -> None:
    assert matrix.said(Counter(refuses=4, inconclusive=1)) == "refuses 4/5, 1 inconclusive"
    assert matrix.said(Counter(moves=1, hangs=1)) == "moves 1/2, hangs 1/2"
    assert matrix.said(Counter(skipped=2)) == "2 skipped"
    assert matrix.said(Counter()) == ""
