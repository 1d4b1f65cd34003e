"""Case and strategy files on disk into the catalog and back, without overwriting what was edited on the site.

A file and the site's text are two changes of one text: the file as it was loaded last. What only one of them changed
is taken over; where both changed the same lines, the conflict is told and the site's text stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from catalog.documents import commands, links
from catalog.documents.merge import Conflict, merge
from catalog.documents.parser import Malformed, Problem, parse
from catalog.documents.schema import CaseText, DocumentText, kind_of
from catalog.models import Document, LoadedFile
from catalog.models.text import Origin, State, owns_names
from catalog.revisions import states, store

DATA = Path(__file__).parents[2] / "data"
FOLDERS = {"case": DATA / "cases", "strategy": DATA / "strategies"}


@dataclass(frozen=True)
class Loaded:
    path: Path
    result: str
    """'new', 'revised', 'merged', 'same', 'site is ahead', 'conflict' or 'malformed'"""
    problems: tuple[Problem, ...] = ()
    """What is wrong, at lines of the file."""
    renamed: tuple[str, ...] = ()
    """The new names of proposals that had one of the file's names."""


def all_files() -> list[Path]:
    """Cases before the strategies that speak of them, by name."""
    return [path for folder in FOLDERS.values() for path in sorted(folder.glob("*.md"))]


def check(path: Path) -> tuple[Problem, ...]:
    """What is wrong with one file: its text, links, a name that is not its slug's, commands without their mark."""
    return faults(path) or tuple(commands.problems(_read(path)))


def faults(path: Path) -> tuple[Problem, ...]:
    """What keeps a file from being loaded. A missing mark does not: what the site exported is loaded again."""
    try:
        text = _read(path)
        parsed = parse(text)
    except Malformed as error:
        return tuple(error.problems)
    except UnicodeDecodeError as error:
        return (Problem(1, "", f"expected UTF-8: byte {error.start} is not"),)
    problems = links.malformed(text)
    if isinstance(parsed, CaseText) and not parsed.subsystems:  # a proposal may leave that to who takes it over
        problems.append(Problem(2, "subsystems", "expected to be there"))
    if path.stem != parsed.slug:
        problems.insert(0, Problem(2, kind_of(parsed), f"expected the file to be called {parsed.slug}.md"))
    return tuple(problems)


def _read(path: Path) -> str:
    """The text byte for byte: no line end is turned into another."""
    return path.read_bytes().decode("utf-8")


def load(paths: list[Path]) -> Iterator[Loaded]:
    """Each file by itself: one that fails leaves the others loaded."""
    for path in paths:
        problems = faults(path)
        yield Loaded(path, "malformed", problems) if problems else _load(path)


@transaction.atomic
def _load(path: Path) -> Loaded:
    text = _read(path)
    parsed = parse(text)
    document = Document.objects.filter(kind=kind_of(parsed), slug=parsed.slug).select_related("current").first()
    current = document.current if document else None
    if document is None or current is None or not (document.owns_names or current.text == text):
        return _take(path, text, text, "new")
    before = LoadedFile.objects.filter(document=document).values_list("text", flat=True).first()
    if current.text == text:
        return _take(path, text, text, "same")
    if before == text:
        return Loaded(path, "site is ahead")
    if before == current.text:
        return _take(path, text, text, "revised", base=current.n)
    merged = merge(before or "", current.text, text)
    if merged.conflicts:
        return Loaded(path, "conflict", tuple(_told(conflict, current.n) for conflict in merged.conflicts))
    return _take(path, text, merged.text(), "merged", base=current.n)


def _take(path: Path, file_text: str, text: str, result: str, base: int | None = None) -> Loaded:
    """Saves `text`, and remembers the file that led to it. What comes by a file is published."""
    proposals = _proposals_named(parse(file_text))
    try:
        with transaction.atomic():
            document = store.save(text, origin=Origin.FILE, base=base).document
            LoadedFile.objects.update_or_create(document=document, defaults={"text": file_text})
            if document.state != State.PUBLISHED:
                states.publish(document)
    except Malformed as error:
        problems = tuple(error.problems)
        if text == file_text:
            return Loaded(path, "malformed", problems)
        apart = "each is good, but file and site together are not"
        return Loaded(path, "conflict", tuple(Problem(1, p.field, f"{apart}: {p.message}") for p in problems))
    except (store.Conflict, states.NotPossible) as error:
        return Loaded(path, "conflict", (Problem(1, "", f"{error}: load it again"),))
    renamed = Document.objects.filter(pk__in=proposals).exclude(slug__in=proposals.values())
    return Loaded(path, result, (), tuple(renamed.values_list("slug", flat=True).order_by("slug")))


def _proposals_named(parsed: DocumentText) -> dict[int, str]:
    """What nobody endorsed and that stands under one of the file's names: these yield to it."""
    names = (parsed.case, *parsed.aliases) if isinstance(parsed, CaseText) else ()
    return dict(Document.objects.filter(~owns_names(), kind="case", slug__in=names).values_list("pk", "slug"))


def _told(conflict: Conflict, n: int) -> Problem:
    ours, theirs = ("; ".join(line.strip() for line in side)[:200] for side in (conflict.ours, conflict.theirs))
    return Problem(
        conflict.their_line,
        "",
        f"the site (revision {n}, line {conflict.our_line}) has {ours!r} where the file has {theirs!r}",
    )


def export(folder: Path) -> Iterator[tuple[Path, str]]:
    """Writes every published document below `folder` as a file; yields each with 'new', 'changed' or 'same'."""
    published = Document.objects.filter(state=State.PUBLISHED).select_related("current").order_by("kind", "slug")
    for document in published.iterator():
        assert document.current is not None
        path = folder / FOLDERS[document.kind].name / f"{document.slug}.md"
        data = document.current.text.encode()
        before = path.read_bytes() if path.exists() else None
        if data != before:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(".new")
            beside.write_bytes(data)
            beside.replace(path)
        yield path, "new" if before is None else "same" if data == before else "changed"
