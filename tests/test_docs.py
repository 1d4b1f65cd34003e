"""What the documents name is there: files, modules, functions, rooms, probes."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

from probes.cases import CASES
from tests.test_architecture import ALLOWED, ROOMS, ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OURS = {*ALLOWED, "tests"}
FOLDERS = {*OURS, "data", "docs", "templates", "static", "tools", "deploy", ".ci"}
SUFFIXES = (".py", ".md", ".html", ".css", ".toml", ".lock", ".in")
# What a document writes for "any": `data/cases/SLUG.md`.
ANY = re.compile(r"(?<![A-Z])(?:SLUG|NAME|APP|MACHINE)(?![A-Z])")


def named(text: str) -> list[str]:
    """The words in backticks. A command's arguments are words too."""
    return [word.rstrip(",:") for quoted in re.findall(r"`([^`\n]+)`", text) for word in quoted.split()]


@cache
def file_names() -> frozenset[str]:
    inside = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()}
    return frozenset(inside | {path.name for path in ROOT.iterdir() if path.is_file()})


@cache
def tasks() -> frozenset[str]:
    """Names of Celery tasks: `ingest.drain`."""
    texts = (path.read_text() for package in ALLOWED for path in (ROOT / package).rglob("tasks.py"))
    return frozenset(name for text in texts for name in re.findall(r'shared_task\(name="([\w.]+)"', text))


def is_there(path: str) -> bool:
    return bool(list(ROOT.glob(ANY.sub("*", path).split("::")[0].rstrip("/"))))


def defines(module: Path, names: list[str]) -> bool:
    """Does the module define the first name, and what that is the next?"""
    body: list[ast.stmt] = ast.parse(module.read_text()).body
    for name in names:
        node = next((node for node in body if name in _bound(node)), None)
        if node is None:
            return False
        body = getattr(node, "body", [])
    return True


def _bound(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def is_importable(name: str) -> bool:
    """`a.b.C`: a folder a with a module b that defines C, and so on."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:length])
        if path.with_suffix(".py").is_file():
            return defines(path.with_suffix(".py"), parts[length:])
        if path.is_dir():
            return length == len(parts)
    return False


def missing(text: str) -> list[str]:
    """The words that look like something of this tree, and are not."""
    wrong = []
    for word in named(text):
        if "/" in word and word.split("/")[0] in FOLDERS:
            wrong += [] if is_there(word) else [word]
        elif re.fullmatch(r"[\w-]+", word.rpartition(".")[0]) and word.endswith(SUFFIXES):
            wrong += [] if ANY.search(word) or word in file_names() else [word]
        elif re.fullmatch(r"\w+(?:\.\w+)+", word) and word.split(".")[0] in OURS:
            wrong += [] if is_importable(word) else [word]
        elif re.fullmatch(r"\w+\.\w+", word) and word.split(".")[0] in {task.split(".")[0] for task in tasks()}:
            wrong += [] if word in tasks() else [word]
    return wrong


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_of_this_tree_is_there(document: Path) -> None:
    assert missing(document.read_text()) == []


def remarks(source: str) -> str:
    """Comments and docstrings."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return "\n".join(
        token.string
        for token in tokens
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and token.string.startswith('"""'))
    )


@pytest.mark.parametrize("package", sorted(OURS))
def test_what_a_comment_names_of_this_tree_is_there(package: str) -> None:
    """After a move it is comments that nobody follows."""
    ours = "|".join(sorted(OURS))
    for path in sorted((ROOT / package).rglob("*.py")):
        if path.name == "test_docs.py" or path.parent.name == "migrations":
            continue
        text = remarks(path.read_text())
        dotted = re.findall(rf"(?<![\w./`-])`?((?:{ours})(?:\.[A-Za-z_]\w*)+)(?![\w/])", text)
        files = re.findall(rf"(?<![\w./-])((?:{'|'.join(map(re.escape, sorted(FOLDERS)))})/[\w./-]*[\w/])", text)
        wrong = [name for name in dotted if not is_importable(name)] + [name for name in files if not is_there(name)]
        assert not wrong, f"{path.relative_to(ROOT)}: {wrong}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_other_documents_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`catalog/cases/`", ["catalog/cases/"]),
        ("`data/cases/SLUG.md` and `data/recorded/`", []),
        ("`manage.py check_cases catalog/cases/x.md`", ["catalog/cases/x.md"]),
        ("`nowhere.py`, `README.md`", ["nowhere.py"]),
        ("`reports.worker.ingest.drain`, `reports.ingest.drain`", ["reports.ingest.drain"]),
        ("`reports.intake.bell.Bell.ring`, `reports.intake.bell.Bell.sing`", ["reports.intake.bell.Bell.sing"]),
        ("`ingest.drain`, `ingest.brain`, `config.prune`", ["ingest.brain", "config.prune"]),
        ("`fs/splice.c`, `kernel.io_uring_disabled`, `/proc/vmstat`", []),
    ],
)
def test_what_is_gone_is_found(text: str, wrong: list[str]) -> None:
    assert missing(text) == wrong


def test_the_architecture_lists_every_room_in_its_order() -> None:
    listed: dict[str, list[str]] = {}
    for line in (ROOT / "docs" / "architecture.md").read_text().splitlines():
        head, row = re.match(r"\| `(\w+)/` \|", line), re.match(r"\| `(\w+)` \| ", line)
        if head:
            listed[head[1]] = []
        elif row:
            listed[list(listed)[-1]].append(row[1])
    assert listed == {package: list(rooms) for package, rooms in ROOMS.items()}


def test_every_probe_is_documented() -> None:
    headings = set(re.findall(r"^## (.+)$", (ROOT / "docs" / "probes.md").read_text(), re.MULTILINE))
    assert CASES.keys() <= headings


def test_every_probe_is_the_reproducer_of_a_case_and_none_is_made_up() -> None:
    texts = [path.read_text() for path in (ROOT / "data" / "cases").glob("*.md")]
    named_there = {found[1] for text in texts if (found := re.search(r"^probe: (\S+)$", text, re.MULTILINE))}
    assert named_there == CASES.keys()
