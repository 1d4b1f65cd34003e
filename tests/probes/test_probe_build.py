"""probe.pyz: the same bytes from the same tree, and it runs on the oldest Python promised."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from probes.archive import sources
from probes.archive.build import build
from probes.cases import CASES

pytestmark = pytest.mark.processes


def pythons() -> list[str]:
    """This Python, and 3.9 where it is here and works (a pyenv shim may be there without one)."""
    candidates = [shutil.which("python3.9"), os.path.expanduser("~/.pyenv/versions/3.9.18/bin/python")]
    here = [path for path in candidates if path and os.path.exists(path)]
    return [sys.executable] + [
        path for path in here if subprocess.run([path, "-c", ""], capture_output=True).returncode == 0
    ]


def run(python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-W", "error", *arguments], capture_output=True, text=True, timeout=60, cwd="/")


def test_the_same_tree_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    for package in sources.PACKAGES:
        shutil.copytree(root / package, tmp_path / package)
    for path in tmp_path.rglob("*.py"):
        path.chmod(0o600)
        os.utime(path, (1, 1))
    assert build(tmp_path) == build(root)


def test_another_tree_has_another_version(root: Path) -> None:
    files = sources.collect(root)
    assert sources.version({**files, "probes/errors.py": b"pass\n"}) != sources.version(files)


def test_a_byte_that_changes_files_changes_the_version() -> None:
    assert sources.version({"a": b"bc"}) != sources.version({"ab": b"c"})


def test_it_holds_sources_of_two_packages_and_nothing_else(root: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(build(root))) as archive:
        names = [name for name in archive.namelist() if name not in ("__main__.py", "probes/VERSION")]
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names == sorted(names)
    data = {"diagnosis/matching/known.json", "probes/trials/kernel.config"}
    sources_alone = [name for name in names if name not in data]
    assert len(sources_alone) == len(names) - len(data)
    assert all(name.endswith(".py") and name.split("/")[0] in ("diagnosis", "probes") for name in sources_alone)
    assert {"diagnosis/matching/outcome.py", "probes/command/cli.py"} <= set(names)


def test_it_is_written_by_the_command(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "probe.pyz"
    subprocess.run([sys.executable, "-m", "probes.archive.build", str(out)], cwd=root, check=True, timeout=60)
    assert out.read_bytes() == build(root)
    assert os.access(out, os.X_OK)


@pytest.mark.parametrize("python", pythons())
def test_it_lists_the_cases(python: str, pyz: Path) -> None:
    done = run(python, str(pyz), "list")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if line[0] != " "] == list(CASES)


@pytest.mark.parametrize("python", pythons())
def test_it_checks_the_machine(python: str, pyz: Path) -> None:
    done = run(python, str(pyz), "check")
    assert done.returncode == 0, done.stderr
    assert os.uname().release in done.stdout
    assert "vmsplice-pipe" in done.stdout


@pytest.mark.parametrize("python", pythons())
def test_it_knows_its_version_and_its_own_hash(python: str, pyz: Path, root: Path) -> None:
    done = run(python, str(pyz), "run", "fuse-writeback", "--dry-run")
    assert done.returncode == 125, done.stderr
    version = sources.version(sources.collect(root))
    assert f'"version":"{version}"' in done.stdout
    assert f'"sha256":"{hashlib.sha256(pyz.read_bytes()).hexdigest()}"' in done.stdout
    assert run(python, str(pyz), "--version").stdout.strip() == version


def test_an_older_python_is_told_so(pyz: Path) -> None:
    older = os.path.expanduser("~/.pyenv/versions/3.7.16/bin/python")
    if not os.path.exists(older):
        pytest.skip("no Python older than 3.9 is here")
    done = run(older, str(pyz), "list")
    assert done.returncode == 1
    assert "needs Python 3.9" in done.stderr
