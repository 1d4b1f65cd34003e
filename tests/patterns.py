"""Every regular expression of the tree, and texts that are made to be slow for each from its own structure."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("diagnosis", "catalog", "discussion", "people", "reports", "rest", "config", "probes")
# Methods that look at every place of a text; the others begin at one.
EVERYWHERE = {"search", "finditer", "findall", "sub", "subn", "split"}
ENDS = ("", "\x00", "!")


@dataclass(frozen=True)
class Used:
    """A pattern, where it stands, and whether it is looked for everywhere in a text."""

    where: str
    pattern: re.Pattern[Any]
    everywhere: bool

    def run(self, text: str) -> None:
        given = text if isinstance(self.pattern.pattern, str) else text.encode()
        if self.everywhere:
            for _ in self.pattern.finditer(given):
                pass
        else:
            self.pattern.match(given)
            self.pattern.fullmatch(given)


@cache
def all_of_them() -> list[Used]:
    sources = {path: path.read_text() for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    sources = {path: text for path, text in sources.items() if not {"migrations", "tests"} & set(path.parts)}
    whole = "\n".join(sources.values())
    found: dict[tuple[Any, int, bool], Used] = {}
    for one in _of_modules(whole):
        found.setdefault((one.pattern.pattern, one.pattern.flags, one.everywhere), one)
    known = {(pattern, flags) for pattern, flags, _ in found}
    for one in _in_calls(sources):
        if (one.pattern.pattern, one.pattern.flags) not in known:
            found.setdefault((one.pattern.pattern, one.pattern.flags, one.everywhere), one)
    return sorted(found.values(), key=lambda one: one.where)


def _of_modules(whole: str) -> Iterator[Used]:
    """What modules hold when they are loaded, in lists and tables too."""
    for package in PACKAGES:
        for info in pkgutil.walk_packages([str(ROOT / package)], package + "."):
            if ".migrations" in info.name or info.name.endswith("__main__"):
                continue
            for name, value in vars(importlib.import_module(info.name)).items():
                for pattern in _inside(value, 3):
                    yield Used(f"{info.name}.{name}", pattern, _everywhere(info.name, name, whole))


@cache
def _everywhere(module: str, name: str, whole: str) -> bool:
    """How it is used, by its name: in its module, or anywhere. Where nothing tells, the worse of the two."""
    own = ROOT / (module.replace(".", "/") + ".py")
    whole = own.read_text() if name.startswith("_") and own.exists() else whole
    used = set(re.findall(rf"\b{re.escape(name)}(?:\[\w+\])?\.(\w+)\(", whole))
    return not used & {"match", "fullmatch"} or bool(used & EVERYWHERE)


def _inside(value: Any, depth: int) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, dict):
        for one in value.values():
            yield from _inside(one, depth - 1)
    elif depth and isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _inside(one, depth - 1)
    elif depth and hasattr(value, "__dict__") and type(value).__module__.partition(".")[0] in PACKAGES:
        yield from _inside(vars(value), depth - 1)


def _in_calls(sources: dict[Path, str]) -> Iterator[Used]:
    """`re.sub(r"…", …)` inside of functions, and `pattern(r"…")` of shapes."""
    for path, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            owner = getattr(getattr(node.func, "value", None), "id", "")
            if owner == "re" or name == "pattern":
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                everywhere = name in EVERYWHERE or name == "compile"
                yield Used(where, re.compile(node.args[0].value), everywhere)


def adversaries(pattern: re.Pattern[Any]) -> list[tuple[str, str, str]]:
    """(beginning, what is repeated, end): each repeat on what would come before it, with ends at which it fails."""
    given = pattern.pattern
    is_text = isinstance(given, str)
    tree = parser.parse(given, pattern.flags) if is_text else parser.parse(given.decode("latin-1"), pattern.flags)
    made: dict[tuple[str, str, str], None] = {}
    for before, piece in _repeats(tree, ""):
        for one in ((before, piece), ("!", piece), ("", before + piece), (before + piece[:1], piece[:1])):
            made |= dict.fromkeys((*one, end) for end in ENDS if one[1])
    sample = _sample(tree)
    for repeated in {sample, sample[:-1], sample[: len(sample) // 2], sample[:1], sample[-1:]} - {""}:
        made |= dict.fromkeys(("", repeated, end) for end in ENDS[:2])
    return list(made)


def _repeats(nodes: Iterable[Any], before: str) -> Iterator[tuple[str, str]]:
    """Of every repeat: a text that comes before it, and one that it repeats; of neighbours also both together."""
    nodes = list(nodes)
    pieces: list[str] = []
    for code, given in nodes:
        if code in _REPEATS:
            inner = _sample(given[2])
            yield before, inner
            if _holds_line_ends(given[2]):
                yield before, "\n"
            yield from _repeats(given[2], before)
            pieces.append(inner)
        elif code is op.SUBPATTERN:
            yield from _repeats(given[-1], before)
        elif code is op.ATOMIC_GROUP:
            yield from _repeats(given, before)
        elif code is op.BRANCH:
            for branch in given[1]:
                yield from _repeats(branch, before)
        elif code in (op.ASSERT, op.ASSERT_NOT):
            yield from _repeats(given[1], before)
        before += _sample([(code, given)])
    for one, other in pairwise(pieces):
        yield "", one + other


_REPEATS = {op.MAX_REPEAT, op.MIN_REPEAT, getattr(op, "POSSESSIVE_REPEAT", op.MAX_REPEAT)}


def _sample(nodes: Iterable[Any]) -> str:
    """Some text that matches, or nearly."""
    made = ""
    for code, given in nodes:
        if code is op.LITERAL:
            made += chr(given)
        elif code is op.NOT_LITERAL:
            made += "a" if given != ord("a") else "b"
        elif code is op.ANY:
            made += "a"
        elif code is op.IN:
            made += _of_class(given)
        elif code in _REPEATS:
            made += _sample(given[2]) * min(max(given[0], 1), 12)
        elif code is op.SUBPATTERN:
            made += _sample(given[-1])
        elif code is op.ATOMIC_GROUP:
            made += _sample(given)
        elif code is op.BRANCH:
            made += _sample(given[1][0])
    return made


def _of_class(items: list[Any]) -> str:
    """The character that most classes share, where this one has it: classes that overlap are the slow ones."""
    inverted = items[0][0] is op.NEGATE
    for candidate in "a10 .-:=/fx\t_A<>@;,\"'()[]\n\x00":
        if any(_holds(item, candidate) for item in items) != inverted:
            return candidate
    literals = (given if code is op.LITERAL else given[0] for code, given in items if code in (op.LITERAL, op.RANGE))
    return next(map(chr, literals), "")


def _holds_line_ends(nodes: Any) -> bool:
    """`^\\s*` begins anew at every one of ten thousand empty lines."""
    (code, given), *others = list(nodes)
    return not others and code is op.IN and any(_holds(item, "\n") for item in given) != (given[0][0] is op.NEGATE)


def _holds(item: Any, character: str) -> bool:
    code, given = item
    if code is op.LITERAL:
        return bool(ord(character) == given)
    if code is op.RANGE:
        return bool(given[0] <= ord(character) <= given[1])
    if code is op.CATEGORY:
        return re.match(_CATEGORIES[given], character) is not None
    return False


_CATEGORIES = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_NOT_SPACE: r"\S",
    op.CATEGORY_NOT_WORD: r"\W",
}
