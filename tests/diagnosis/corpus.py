"""Texts whose holder is known, and what has to be said of each. `python -m tests.diagnosis.corpus` prints the table
that docs/diagnose.md shows.

Samples from public lists are read where they lie (DIAGNOSE_SAMPLES, or ../shared/samples beside the checkout); they
are no part of this repository.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from diagnosis.diagnose import diagnose
from diagnosis.matching import known
from diagnosis.rules.verdict import Diagnosis, Finding
from diagnosis.text.record import KINDS
from diagnosis.words.vocabulary import MANNERS, MECHANISMS

ROOT = Path(__file__).resolve().parents[2]
CAPTURES = Path(__file__).parent / "captures"
RECORDED = ROOT / "data" / "recorded"
SAMPLES = Path(os.environ.get("DIAGNOSE_SAMPLES") or ROOT.parent / "shared" / "samples")
if not SAMPLES.is_dir():
    SAMPLES = ROOT.parent.parent / "shared" / "samples"
RETRIES, SLEEPS, AT_ONCE = "retries_without_progress", "sleeps_in_d", "rejected_at_once"


@dataclass(frozen=True)
class Known:
    """`holder`: the case that truly holds the memory, '' where nobody knows. `kind`: of the record that decides."""

    name: str
    path: Path
    kind: str
    mechanism: str
    manner: str
    holder: str
    run: tuple[str, str] | None = None

    @property
    def is_there(self) -> bool:
        return self.path.exists()

    def text(self) -> str:
        """Of a recorded report: the log of its first held run, and the stack of the mover that slept."""
        if self.run is None:
            return self.path.read_text(errors="replace")
        report = json.loads(gzip.decompress(self.path.read_bytes()))["report"]
        run = next(run for run in report["runs"] if run["outcome"] in ("refuses", "hangs"))
        stack = run.get("blocked", {}).get("stack", [])
        return "\n".join([*run.get("log", []), *(f"[<0>] {frame}" for frame in stack)])


def _sample(name: str, kind: str, mechanism: str, manner: str, holder: str) -> Known:
    return Known(f"sample {name[:2]}", SAMPLES / name, kind, mechanism, manner, holder)


def _capture(name: str, kind: str, mechanism: str, manner: str, holder: str) -> Known:
    return Known(f"capture {name}", CAPTURES / (name + ".txt"), kind, mechanism, manner, holder)


def _recorded() -> Iterator[Known]:
    kernels = ("guest-6.1.0-50-amd64", "guest-6.12.95+deb12-amd64", "guest-7.3.4+deb13-amd64")
    dumps = (("vmsplice-pipe", "extra_reference"), ("skb-frags-sendfile", "extra_reference"))
    dumps += (("splice-pagecache-pipe", "extra_reference"), ("odirect-slow-io", "foll_pin"))
    for folder in kernels:
        for case, mechanism in dumps:
            if folder == kernels[0]:
                mechanism = "extra_reference"  # direct I/O pins since 6.5
            yield _run(folder, case, "offline", "page_dump", mechanism, RETRIES)
        for mover in ("offline", "soft_offline"):
            yield _run(folder, "readahead-locked", mover, "task", "page_lock", SLEEPS)
        yield _run(folder, "netfs-unresponsive-server", "offline", "task", "page_lock", SLEEPS)
    for mover in ("move_pages", "offline", "soft_offline", "cma", "compaction"):
        yield _run(kernels[2], "fuse-writeback", mover, "task", "writeback", SLEEPS)
    yield _run(kernels[2], "readahead-locked", "cma", "task", "page_lock", SLEEPS)
    yield _run("host-6.18", "fuse-writeback", "", "task", "writeback", SLEEPS)
    yield _run("host-6.18", "readahead-locked", "", "task", "page_lock", SLEEPS)


def _run(folder: str, case: str, mover: str, kind: str, mechanism: str, manner: str) -> Known:
    name = f"{case}-{mover}" if mover else case
    path = RECORDED / folder / (name + ".json.gz")
    return Known(f"recorded {folder}/{name}", path, kind, mechanism, manner, case, (case, mover))


ALL: tuple[Known, ...] = (
    _sample("02-aio-dio-anon-pinned-5.1rc-ppc64.txt", "page_dump", "extra_reference", RETRIES, "odirect-slow-io"),
    _sample("05-hugetlb-1g-enomem-zone-movable.txt", "page_dump", "no_target_memory", RETRIES, "hugetlb-gigantic"),
    _sample("06-unmovable-reserved-6.0rc.txt", "page_dump", "not_movable_type", AT_ONCE, "kernel-unmovable-in-range"),
    _sample("11-isolation-failed-4.x.txt", "page_dump", "not_on_lru", RETRIES, "lru-add-batches"),
    _sample("12-offline-signal-backoff-4.20.txt", "offlining", "", RETRIES, ""),
    _sample("14-cma-debug-early-patch-format-2016.txt", "cma_failed", "no_target_memory", AT_ONCE, "cma-bitmap-full"),
    _sample("15-alloc_contig_range-busy-vc4-4.10.txt", "contig_busy", "", RETRIES, ""),
    _sample("17-cma_alloc-enomem-vc4-4.11rc.txt", "cma_failed", "no_target_memory", AT_ONCE, "cma-bitmap-full"),
    _capture("vmsplice-offline-6.12.95+deb12", "page_dump", "extra_reference", RETRIES, "vmsplice-pipe"),
    _capture("vmsplice-offline-7.3.4+deb13", "page_dump", "extra_reference", RETRIES, "vmsplice-pipe"),
    _capture("dmesg-odirect-slow-io-offline-7.3.4+deb13", "page_dump", "foll_pin", RETRIES, "odirect-slow-io"),
    _capture(
        "dmesg-splice-pagecache-pipe-offline-7.3.4+deb13",
        "page_dump",
        "extra_reference",
        RETRIES,
        "splice-pagecache-pipe",
    ),
    _capture("inspect-fuse-writeback-offline-7.3.4+deb13", "task", "writeback", SLEEPS, "fuse-writeback"),
    _capture(
        "inspect-fuse-writeback-offline-without-fusectl-7.3.4+deb13", "task", "writeback", SLEEPS, "fuse-writeback"
    ),
    _capture("inspect-readahead-locked-offline-7.3.4+deb13", "task", "page_lock", SLEEPS, "readahead-locked"),
    _capture(
        "inspect-netfs-unresponsive-server-offline-7.3.4+deb13",
        "task",
        "page_lock",
        SLEEPS,
        "netfs-unresponsive-server",
    ),
    _capture("unmovable-offline-6.1.0-50", "page_dump", "not_movable_type", AT_ONCE, "kernel-unmovable-in-range"),
    _capture("unmovable-offline-7.3.4+deb13", "page_dump", "not_movable_type", AT_ONCE, "kernel-unmovable-in-range"),
    *_recorded(),
)


def diagnosed(one: Known) -> tuple[Diagnosis, Finding]:
    """What is said of it; the finding is the first, which a reader sees first."""
    found = diagnose(one.text(), known.signatures())
    return found, found.findings[0]


def rank(one: Known, finding: Finding) -> str:
    """`1 of 5, proved`: where the true holder stands among the candidates."""
    slugs = [candidate.case for candidate in finding.candidates]
    if not one.holder:
        return "nobody knows"
    at = slugs.index(one.holder)
    return f"{at + 1} of {len(slugs)}" + (", proved" if finding.candidates[at].is_proved else "")


def row(one: Known) -> str:
    found, finding = diagnosed(one)
    verdict = finding.verdict
    mechanism = MECHANISMS[verdict.mechanism].label if verdict.mechanism else "none of the known"
    how_sure = "proved" if verdict.proved else "not proved"
    manner = MANNERS[verdict.manner].label
    kind = KINDS[found.records[finding.records[0]].kind]
    holder = f"`{one.holder}`" if one.holder else "unknown"
    return f"| {one.name} | {kind} | {mechanism} | {how_sure} | {manner} | {holder} | {rank(one, finding)} |"


if __name__ == "__main__":
    for each in ALL:
        print(row(each) if each.is_there else f"| {each.name} | not here |")
