"""The drgn script, as far as a machine without a kernel's debugging information can try it; and what it printed of
three holds in guests with 7.3.4, as diagnose reads it."""

import importlib.util
from pathlib import Path

import pytest

from diagnosis.answers import plain
from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.readers.reading import read

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "drgn_frame.py"
spec = importlib.util.spec_from_file_location("drgn_frame", SCRIPT)
assert spec and spec.loader
drgn_frame = importlib.util.module_from_spec(spec)
spec.loader.exec_module(drgn_frame)


def test_what_it_prints_is_what_diagnose_reads() -> None:
    one = drgn_frame.said("suspect", pfn="0x100013", flags="WRITEBACK", fs="fuse", device="0:29", file="/mnt/a b")
    two = drgn_frame.said("fuse", connection=29, waiting=1, mount="")
    suspect, fuse = read(one + "\n" + two).records
    assert (suspect.number("pfn"), suspect.text("file"), suspect.text("device")) == (0x100013, "/mnt/a b", "0:29")
    assert (fuse.number("connection"), fuse.number("waiting")) == (29, 1)


def test_page_frames_are_numbers_of_either_base() -> None:
    assert drgn_frame.frames(["0x100013", "16"]) == [0x100013, 16]


def test_a_name_called_kind_is_a_value_like_others() -> None:
    assert drgn_frame.said("suspect", pfn="0x1", kind="anon") == "inspect: suspect pfn=0x1 kind=anon"


CAPTURES = Path(__file__).resolve().parents[1] / "diagnosis" / "captures"


@pytest.mark.parametrize(
    ("capture", "mechanism", "first", "says"),
    [
        (
            "fuse-writeback-move_pages",
            "writeback",
            "fuse-writeback",
            "A page frame belongs to /mnt/f, FUSE connection 29",
        ),
    ],
)
def test_what_it_printed_of_a_kernel_proves_the_mechanism_and_puts_the_holder_first(
    capture: str, mechanism: str, first: str, says: str
) -> None:
    made = diagnose((CAPTURES / f"drgn-{capture}-7.3.4+deb13.txt").read_text(), signatures())
    verdict, candidates = made.findings[0].verdict, made.findings[0].candidates
    assert (verdict.mechanism, verdict.proved, verdict.manner) == (mechanism, True, "sleeps_in_d")
    assert candidates[0].case == first and len([one for one in candidates if one.rank == 1]) == 1
    assert says in " ".join(plain.shown(made).split())


def test_of_a_page_in_a_pipe_it_names_the_pipe_and_proves_nothing() -> None:
    """Its lines of a pipe are for people: no rule reads them."""
    text = (CAPTURES / "drgn-vmsplice-pipe-offline-7.3.4+deb13.txt").read_text()
    assert "inspect: pipe inode=489 of_this_page=1 buffers=16" in text and "comm=unmig-run fd=5" in text
    assert not diagnose(text, signatures()).findings
