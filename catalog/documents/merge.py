"""Two changes of one text into one: what each side changed alone is taken over, what both changed is a conflict.

Pure. Works on whole lines, as diff3 does: changes that touch each other conflict, equal changes do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from catalog.documents.line_diff import blocks
from catalog.documents.parser import Problem, marked_lines

MARK = re.compile(r"(<{7}|>{7}) ")


@dataclass(frozen=True)
class Conflict:
    """Lines that both sides changed; `our_line` and `their_line` count from 1, in the text of that side."""

    our_line: int
    their_line: int
    ours: tuple[str, ...]
    theirs: tuple[str, ...]


@dataclass(frozen=True)
class Merged:
    pieces: tuple[tuple[str, ...] | Conflict, ...]

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        return tuple(piece for piece in self.pieces if isinstance(piece, Conflict))

    def text(self, our_name: str = "ours", their_name: str = "theirs") -> str:
        """The merged text; where both sides changed it, both stand there between marks that `open_marks` finds."""
        lines: list[str] = []
        for piece in self.pieces:
            if isinstance(piece, Conflict):
                lines += [f"<<<<<<< {our_name}", *piece.ours, "=======", *piece.theirs, f">>>>>>> {their_name}"]
            else:
                lines += piece
        return "\n".join(lines)


def merge(base: str, ours: str, theirs: str) -> Merged:
    """`base` with the changes that lead from it to `ours` and to `theirs`."""
    old, left, right = (text.split("\n") for text in (base, ours, theirs))
    in_left, in_right = _places(old, left), _places(old, right)
    pieces: list[tuple[str, ...] | Conflict] = []
    b = i = j = 0
    for line in [*(n for n in range(len(old)) if n in in_left and n in in_right), None]:
        to_b, to_i, to_j = (len(old), len(left), len(right)) if line is None else (line, in_left[line], in_right[line])
        pieces += _settled(old[b:to_b], left[i:to_i], right[j:to_j], i + 1, j + 1)
        if line is not None:
            pieces.append((old[line],))
        b, i, j = to_b + 1, to_i + 1, to_j + 1
    return Merged(tuple(pieces))


def _places(old: list[str], new: list[str]) -> dict[int, int]:
    """Where each line of `old` that stayed stands in `new`."""
    return {a + n: c + n for tag, a, b, c, _ in blocks(old, new) if tag == "equal" for n in range(b - a)}


def _settled(
    old: list[str], left: list[str], right: list[str], our_line: int, their_line: int
) -> list[tuple[str, ...] | Conflict]:
    if left == right or right == old:
        return [tuple(left)]
    if left == old:
        return [tuple(right)]
    return [Conflict(our_line, their_line, tuple(left), tuple(right))]


def open_marks(text: str) -> list[Problem]:
    """Marks of a merge that nobody has finished; in code they may be meant."""
    return [
        Problem(number, "", "a conflict that is not settled yet: keep what is right of both, and take the marks out")
        for number, (line, is_prose) in enumerate(marked_lines(text), start=1)
        if is_prose and MARK.match(line)
    ]
