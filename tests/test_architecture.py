"""Who may import whom, read from the source. Design: the flow goes one way."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Package: which of our packages it may import. `config` and `local` start things; nobody imports them.
ALLOWED = {
    "diagnosis": set(),
    "probes": {"diagnosis"},
    "rest": set(),
    "people": {"diagnosis", "rest"},
    "catalog": {"diagnosis", "people", "rest"},
    "reports": {"diagnosis", "people", "rest", "catalog", "probes"},
    "discussion": {"diagnosis", "people", "rest", "catalog"},
    "config": {"diagnosis", "people", "catalog", "reports", "discussion", "rest"},
    "local": {"people"},
    "bench": {"diagnosis", "local", "people", "catalog", "reports", "discussion", "config"},
}
PURE = ("diagnosis", "probes")


def imports(path: Path) -> set[str]:
    """The top-level packages that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def files(package: str) -> list[Path]:
    made = sorted((ROOT / package).rglob("*.py"))
    assert made, f"{package} has no files: the test would say nothing"
    return made


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    for path in files(package):
        ours = imports(path) & ALLOWED.keys() - {package}
        assert ours <= ALLOWED[package], f"{path.relative_to(ROOT)} imports {sorted(ours - ALLOWED[package])}"


@pytest.mark.parametrize("package", PURE)
def test_what_goes_into_the_probe_needs_the_standard_library_alone(package: str) -> None:
    for path in files(package):
        foreign = imports(path) - sys.stdlib_module_names - {"diagnosis", "probes", "__future__"}
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


@pytest.mark.parametrize("path", files("diagnosis"), ids=lambda path: path.stem)
def test_diagnosis_touches_nothing_outside(path: Path) -> None:
    outside = {"os", "time", "datetime", "random", "socket", "subprocess", "pathlib", "io", "threading", "secrets"}
    tree = ast.parse(path.read_text())
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not imports(path) & outside
    assert not calls & {"open", "print", "input", "exec", "eval"}


def test_the_only_signals_are_celerys_own_process_hooks() -> None:
    for package in ALLOWED:
        for path in files(package):
            text = path.read_text()
            assert "django.db.models.signals" not in text and "django.dispatch" not in text, path


def test_every_package_of_ours_is_listed() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages == ALLOWED.keys()
