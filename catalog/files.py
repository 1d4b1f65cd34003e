"""Case and strategy files on disk into the catalog, without overwriting what was edited on the site."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from catalog import revisions
from catalog.document import Malformed, Problem, parse
from catalog.facts import kind_of
from catalog.models import Document
from catalog.models.text import Origin

FOLDERS = {"case": Path(__file__).parent / "cases", "strategy": Path(__file__).parent / "strategies"}


@dataclass(frozen=True)
class Loaded:
    path: Path
    result: str
    """'new', 'revised', 'same', 'site is ahead', 'conflict' or 'malformed'"""
    problems: tuple[Problem, ...] = ()


def all_files() -> list[Path]:
    """Cases before the strategies that speak of them, by name."""
    return [path for folder in FOLDERS.values() for path in sorted(folder.glob("*.md"))]


def check(path: Path) -> tuple[Problem, ...]:
    """What is wrong with one file: its text, or a name that is not its slug's."""
    try:
        parsed = parse(path.read_text(encoding="utf-8"))
    except Malformed as error:
        return tuple(error.problems)
    except UnicodeDecodeError as error:
        return (Problem(1, "", f"expected UTF-8: byte {error.start} is not"),)
    if path.stem != parsed.slug:
        return (Problem(2, kind_of(parsed), f"expected the file to be called {parsed.slug}.md"),)
    return ()


def load(paths: list[Path]) -> Iterator[Loaded]:
    """Each file by itself: one that fails leaves the others loaded."""
    for path in paths:
        problems = check(path)
        yield Loaded(path, "malformed", problems) if problems else _load(path)


def _load(path: Path) -> Loaded:
    text = path.read_text(encoding="utf-8")
    parsed = parse(text)
    document = Document.objects.filter(kind=kind_of(parsed), slug=parsed.slug).select_related("current").first()
    if document is not None and document.current is not None:
        if document.current.text == text:
            return Loaded(path, "same")
        loaded = document.revisions.filter(origin=Origin.FILE).order_by("-n").first()
        if document.current.origin == Origin.SITE:
            unchanged = loaded is not None and loaded.text == text
            return Loaded(path, "site is ahead" if unchanged else "conflict")
    try:
        revisions.save(text, origin=Origin.FILE)
    except Malformed as error:
        return Loaded(path, "malformed", tuple(error.problems))
    return Loaded(path, "revised" if document else "new")
