"""Who may import whom, read from the source. Design: the flow goes one way."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from diagnosis.words import vocabulary

ROOT = Path(__file__).resolve().parent.parent

# Package: which of our packages it may import. `config` and `local` start things; nobody else imports them.
ALLOWED = {
    "diagnosis": set(),
    "probes": {"diagnosis"},
    "rest": set(),
    "people": {"diagnosis", "rest"},
    "catalog": {"diagnosis", "people", "rest"},
    "reports": {"diagnosis", "people", "rest", "catalog", "probes"},
    "webhooks": {"people", "rest", "catalog"},
    "mailing": {"diagnosis", "people", "rest", "catalog"},
    "discussion": {"diagnosis", "people", "rest", "catalog", "webhooks", "mailing"},
    "config": {"diagnosis", "people", "catalog", "reports", "webhooks", "mailing", "discussion", "rest"},
    "local": {"config", "people"},
    "tools": {"probes"},
    "bench": {"diagnosis", "local", "people", "catalog", "reports", "discussion", "config"},
}
PURE = ("diagnosis", "probes")
# Inside a package: its rooms, each with what it may import of the rooms before it. A module that is in no room (urls,
# apps, tasks and the like) starts things, and no room imports it.
ROOMS = {
    "diagnosis": ("text", "words", "kernels", "rules", "answers", "matching", "readers", "diagnose", "formats"),
    "people": ("statements", "models", "journal", "access", "accounts", "journal_cursor"),
    "rest": ("models", "cache", "document", "problems", "bounds"),
    "catalog": (
        "models",
        "documents",
        "search",
        "text",
        "revisions",
        "templatetags",
        "measured",
        "pages",
        "editing",
        "meetings",
    ),
    "reports": (
        "models",
        "recorded",
        "intake",
        "diagnose",
        "totals",
        "worker",
        "review",
        "pages",
        "machines",
    ),
    "mailing": ("models", "follows", "letters", "outbox", "retention", "pages"),
    "discussion": (
        *("models", "typed", "mail", "comments", "accounts", "moderating", "answers", "retention"),
        "steering",
    ),
    "probes": (
        *("errors", "archive", "kernel", "children", "servers", "movers", "run", "cases", "inspect", "sending"),
        *("lab", "trials", "command"),
    ),
}
MOST_IN_A_FOLDER = 14
ONE_OF_A_KIND = {"probes/cases", "bench"}  # a module each for things of one kind, found by their names


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


def modules(path: Path) -> set[str]:
    """What a file imports of ours, as dotted names; of `from a import b` both a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("package", ROOMS)
def test_a_room_imports_only_rooms_below_it(package: str) -> None:
    rooms = ROOMS[package]
    for path in files(package):
        room = path.relative_to(ROOT / package).with_suffix("").parts[0]
        if room not in rooms:
            continue
        parts = (name.split(".") for name in modules(path) if name.startswith(f"{package}."))
        above = {part[1] for part in parts if part[1] in rooms and rooms.index(part[1]) > rooms.index(room)}
        assert not above, f"{path.relative_to(ROOT)}, in {room}, imports {sorted(above)} above it"


def test_no_folder_holds_more_than_one_can_look_over() -> None:
    for package in ALLOWED:
        for folder in {path.parent for path in files(package)}:
            name = folder.relative_to(ROOT).as_posix()
            if name in ONE_OF_A_KIND or name.endswith("migrations"):
                continue
            held = [path for path in folder.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))]
            held = [path for path in held if path.name not in ("__init__.py", "__pycache__")]
            assert len(held) <= MOST_IN_A_FOLDER, f"{name} holds {len(held)}: {sorted(path.name for path in held)}"


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


def test_no_view_asserts_who_asks() -> None:
    """`python -O` leaves assertions out, and a stranger came as far as the database then: `people.access.person`."""
    for package in ("rest", "people", "catalog", "reports", "mailing", "discussion"):
        for path in files(package):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Assert):
                    assert "request.user" not in ast.unparse(node), f"{path.relative_to(ROOT)}:{node.lineno}"


def test_the_only_signals_are_celerys_own_process_hooks() -> None:
    for package in ALLOWED:
        for path in files(package):
            text = path.read_text()
            assert "django.db.models.signals" not in text and "django.dispatch" not in text, path


def test_a_lock_on_a_row_never_stops_those_who_only_point_at_it() -> None:
    """FOR UPDATE waits for FOR KEY SHARE, which every insert of a row with a foreign key takes: a machine that is being
    withdrawn could not send. What deletes the row takes the stronger lock by itself."""
    for package in ("rest", "people", "catalog", "reports", "mailing", "discussion"):
        for path in files(package):
            text = path.read_text()
            assert not re.search(r"\bFOR UPDATE\b", re.sub(r"#.*|\"\"\".*?\"\"\"(?=\n)", "", text)), path
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "select_for_update":
                    assert "no_key" in {one.arg for one in node.keywords}, f"{path}:{node.lineno}"


def test_every_package_of_ours_is_listed() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages == ALLOWED.keys()


GROUPS = {
    name
    for name, group in vars(vocabulary).items()
    if isinstance(group, Mapping) and group and all(isinstance(word, vocabulary.Word) for word in group.values())
}
THROUGH_A_MODULE = {f"{module}.{group}" for module in ("vocabulary", "measured") for group in GROUPS}


def subscripts(source: str) -> Iterator[int]:
    """The lines that take a word out of a group of the vocabulary by a subscript that is no literal."""
    tree = ast.parse(source)
    named = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "diagnosis.words.vocabulary"
        for alias in node.names
        if alias.name in GROUPS
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant):
            of = node.value
            is_named = isinstance(of, ast.Name) and of.id in named
            if is_named or ast.unparse(of) in THROUGH_A_MODULE:
                yield node.lineno


@pytest.mark.parametrize("package", ALLOWED)
def test_no_word_of_data_is_taken_out_of_the_vocabulary_by_a_subscript(package: str) -> None:
    """`MOVERS[row.mover]` raised on the first report that named none. `vocabulary.look_up` answers whatever it is."""
    for path in sorted((ROOT / package).rglob("*.py")):
        lines = list(subscripts(path.read_text()))
        assert not lines, f"{path.relative_to(ROOT)}, lines {lines}: look it up with vocabulary.look_up"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from diagnosis.words.vocabulary import MOVERS\nMOVERS[row.mover]", [2]),
        ("from diagnosis.words.vocabulary import MOVERS as M\nM[slug]", [2]),
        ("from diagnosis import vocabulary\nvocabulary.AREAS[row['area']]", [2]),
        ("from catalog import measured\nmeasured.OUTCOMES[row.outcome]", [2]),
        ("from diagnosis.words.vocabulary import MOVERS\nMOVERS['offline']", []),
        ("MOVERS = {}\nMOVERS[slug]", []),
    ],
)
def test_such_a_subscript_is_seen_however_the_group_was_imported(code: str, found: list[int]) -> None:
    assert list(subscripts(code)) == found


# Beside the formats, in their folder: what each of them is made of.
NO_FORMATS = {"format", "registry", "shape", "faults", "redact", "kernel_log"}


def test_a_module_among_the_formats_is_one() -> None:
    """One whose FORMAT was misspelt was not registered, and nobody was told."""
    from diagnosis.formats import registry

    names = {path.stem for path in (ROOT / "diagnosis" / "formats").glob("*.py")} - {"__init__"} - NO_FORMATS
    assert len(registry.FORMATS) == len(names), f"{sorted(names)} are not {sorted(registry.FORMATS)}"
    readers = {path.stem for path in (ROOT / "diagnosis" / "readers").glob("*.py")} - {
        "__init__",
        "reading",
        "task_header",
    }
    from diagnosis.readers import reading

    assert {one.__module__.rpartition(".")[2] for one in reading.READERS} == readers
