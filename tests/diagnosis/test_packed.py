"""A log as rotation leaves it, on the command lines."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from diagnosis.diagnose import diagnose
from diagnosis.text.compressed import CannotUnpack, unpacked
from probes.command import diagnose_log

STACK = b"[<0>] folio_wait_writeback+0x2b/0x80\n[<0>] migrate_pages_batch+0x37c/0xb80\n"
CMA = b"cma: cma_alloc: reserved: alloc failed, req-size: 2048 pages, ret: -16\n"
CUT = gzip.compress(STACK)[:6]
ZSTD = b"\x28\xb5\x2f\xfd rest"


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress, bytes])
def test_it_is_unpacked_up_to_a_limit(pack: type) -> None:
    assert unpacked(pack(STACK), 1_000) == STACK
    assert len(unpacked(gzip.compress(b"x" * 1_000_000), 100)) == 100


@pytest.mark.parametrize("given", [ZSTD, CUT, b"BZh9nonsense", b"\xfd7zXZ\x00nonsense"])
def test_what_cannot_be_unpacked_is_told(given: bytes) -> None:
    with pytest.raises(CannotUnpack):
        unpacked(given, 1_000)


def test_a_log_that_is_cut_is_unpacked_as_far_as_it_goes() -> None:
    noise = b"".join(b"%d usb 1-1: new device\n" % zlib.crc32(b"%d" % number) for number in range(5_000))
    cut = gzip.compress(STACK + noise)[:2_000]
    assert unpacked(cut, 1_000_000).startswith(STACK)


def test_the_probes_command_reads_packed_files_and_takes_the_kernels_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    (tmp_path / "kern.log.2.gz").write_bytes(gzip.compress(STACK))
    assert diagnose_log.run(str(tmp_path / "kern.log.2.gz"), said.append) == 0
    assert "writeback ends" in said[0]
    (tmp_path / "cma.txt").write_bytes(CMA)
    for kernel, word in (("6.18.3", "its area is full, or"), ("6.1.0", "could not be moved")):
        assert diagnose_log.run(str(tmp_path / "cma.txt"), said.append, kernel) == 0
        assert word in " ".join(said[-1].split())
    (tmp_path / "kern.log.zst").write_bytes(ZSTD)
    assert diagnose_log.run(str(tmp_path / "kern.log.zst"), said.append) == 129
    assert "zstdcat" in capsys.readouterr().err


@pytest.mark.django_db
def test_the_sites_command_does_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(CMA))
    out = StringIO()
    call_command("diagnose", str(tmp_path / "a.gz"), kernel="6.18.3", stdout=out)
    assert "its area is full, or" in " ".join(out.getvalue().split())
    (tmp_path / "a.zst").write_bytes(ZSTD)
    with pytest.raises(CommandError, match="zstdcat"):
        call_command("diagnose", str(tmp_path / "a.zst"))


def test_a_log_without_its_line_ends_is_told_so() -> None:
    flat = "".join(f"[{second}.000001] usb 1-1: new device" for second in range(60))
    assert "--data-binary" in diagnose(flat).summary
    assert "--data-binary" not in diagnose(flat + "\nusb\n").summary
