"""A tree of C files, cut into functions. Comments and strings are blanked, so that nothing in them is found."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_BLANKED = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M)
_NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")
# Parts of all names that tables look for.
_STEMS = (
    b"_user_pages", b"iov_iter_extract_pages", b"iov_iter_get_pages", b"memfd_pin_folios", b"address_space_operations",
    b"mapping_set_", b"shmem_read_", b"drm_gem_get_pages",
)  # fmt: skip
_LEFT_OUT = {"tools", "Documentation", "samples", "scripts", "usr"}
# What may stand between the parameters and the body of a function.
_NOT_NAMES = frozenset({"__acquires", "__releases", "__must_hold", "__printf", "__attribute__", "__aligned"})


@dataclass(frozen=True)
class Function:
    """`first`: the line of its name; `text`: from there to the closing brace, blanked, with its line breaks."""

    name: str
    first: int
    text: str

    def lines(self, pattern: str) -> list[int]:
        """The numbers of the lines at which the pattern begins."""
        return [self.first + self.text.count("\n", 0, found.start()) for found in re.finditer(pattern, self.text)]


class NoTree(Exception):
    """A folder that is no kernel's source."""


@dataclass(frozen=True)
class Tree:
    root: Path

    @property
    def release(self) -> str:
        """As its Makefile says: 6.12.118. Raises NoTree."""
        try:
            text = (self.root / "Makefile").read_text(errors="replace")
        except OSError as error:
            raise NoTree(f"{self.root}: {error.strerror}") from None
        parts = [re.search(rf"^{name} = (\d+)$", text, re.M) for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]
        if None in parts:
            raise NoTree(f"{self.root}/Makefile says no version")
        return ".".join(part[1] for part in parts if part)

    @property
    def line(self) -> str:
        """The line of kernels that it belongs to: 6.12."""
        return ".".join(self.release.split(".")[:2])

    def files(self, *words: str) -> Iterator[tuple[str, str]]:
        """Every C file below that has one of these words: its path from the root, and its text, blanked."""
        for name, text in _texts(self.root).items():
            if any(word in text for word in words):
                yield name, text

    def functions(self, name: str) -> tuple[Function, ...]:
        """The functions of one file; none where there is no such file."""
        return _functions_of(self.root / name)

    def function(self, file: str, name: str) -> Function | None:
        """The last of that name: where a configuration leaves one out, its stub stands first or last, and is short."""
        found = [one for one in self.functions(file) if one.name == name]
        return max(found, key=lambda one: len(one.text), default=None)


@cache
def _texts(root: Path) -> dict[str, str]:
    """What any table may ask for, read once: a tree has some 60 000 files."""
    found = {}
    for folder, folders, names in os.walk(root):
        if Path(folder) == root:
            folders[:] = sorted(set(folders) - _LEFT_OUT)
        for name in names:
            if name.endswith((".c", ".h")):
                path = Path(folder, name)
                data = path.read_bytes() if path.is_file() else b""
                if any(stem in data for stem in _STEMS):
                    found[path.relative_to(root).as_posix()] = blanked(data.decode("utf-8", "replace"))
    return dict(sorted(found.items()))


@cache
def _functions_of(path: Path) -> tuple[Function, ...]:
    if not path.is_file():
        return ()
    return tuple(functions(blanked(path.read_text(encoding="utf-8", errors="replace"))))


def blanked(text: str) -> str:
    """The same text with spaces for comments, strings and directives; line breaks stay where they are."""

    def spaces(found: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", found[0])

    return _DIRECTIVE.sub(spaces, _BLANKED.sub(spaces, text))


def functions(text: str) -> Iterator[Function]:
    """Of a blanked text: each brace at the outermost level that follows a name with parentheses."""
    depth, since, open_at = 0, 0, 0
    for found in re.finditer(r"[{};]", text):
        what, at = found[0], found.start()
        if what == "{":
            depth += 1
            if depth == 1:
                open_at = at
        elif what == "}":
            depth = max(0, depth - 1)
            if depth == 0:
                head = text[since:open_at]
                name = _declared(head)
                if name is not None:
                    start = since + name.start()
                    yield Function(name[1], text.count("\n", 0, start) + 1, text[start : at + 1])
                since = at + 1
        elif depth == 0:
            since = at + 1


def _declared(head: str) -> re.Match[str] | None:
    """The name of the function that this head declares: of a system call, what SYSCALL_DEFINE calls it."""
    if "=" in head.split("(")[0] or "(" not in head:
        return None
    for found in _NAME.finditer(head):
        if found[1].startswith(("SYSCALL_DEFINE", "COMPAT_SYSCALL_DEFINE")):
            inner = re.compile(r"(\w+)").search(head, found.end())
            return inner or found
        if found[1] not in _NOT_NAMES:
            return found
    return None


def call(text: str, start: int) -> str:
    """A call from its name to its closing parenthesis, on one line."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] == "(":
            depth += 1
        elif text[at] == ")":
            depth -= 1
            if depth == 0:
                return " ".join(text[start : at + 1].split())
    return " ".join(text[start : start + 200].split())
