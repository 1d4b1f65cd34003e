"""The drgn script, as far as a machine without a kernel's debugging information can try it."""

import importlib.util
from pathlib import Path

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
