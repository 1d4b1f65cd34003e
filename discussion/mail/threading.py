"""Who answers whom, from Message-IDs alone, as public-inbox does it. Pure.

Each letter's References, oldest first, are linked one below the other where nothing contradicts; the letter itself
goes below the last of them. An id that nobody has sent yet is a placeholder: it holds its answers together until the
letter comes. Nothing is guessed from subjects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

DEEPEST = 500  # answers to answers; what would stand deeper begins a thread


def parents(letters: Iterable[tuple[str, Sequence[str]]]) -> dict[str, str | None]:
    """(id, references) in the order of time -> the parent of each id, placeholders among them; None for a root.

    The same letters give the same tree however they came in, as long as they are given in the same order.
    """
    above: dict[str, str | None] = {}
    for own, references in letters:
        above.setdefault(own, None)
        before, line = "", set[str]()  # the reference before this one, and all that it stands below, itself too
        for reference in references:
            known = above.setdefault(reference, None)
            if before and known is None and not _closes(line, reference):
                known = above[reference] = before
            # Mostly each stands below the one before it: then it is one more, and nothing is walked.
            if before and known == before:
                line.add(reference)
            else:
                line = _line(reference, above)
            before = reference
        # What a letter says of itself outweighs what others said of it.
        if before and not _closes(line, own):
            above[own] = before
    return above


def _line(one: str, above: dict[str, str | None]) -> set[str]:
    """It and what it stands below, as far up as matters: of 200,000 in one chain each would be walked for each."""
    made: set[str] = set()
    at: str | None = one
    while at is not None and len(made) <= DEEPEST:
        made.add(at)
        at = above[at]
    return made


def _closes(line: set[str], upper: str) -> bool:
    """Whether `upper` must not go below the end of this line: it is above it already, or the line is too deep."""
    return upper in line or len(line) > DEEPEST


def roots(above: dict[str, str | None]) -> dict[str, str]:
    """The root that each id stands below, in one walk over all."""
    made: dict[str, str] = {}
    for one in above:
        way = []
        at = one
        while at not in made and (up := above.get(at)) is not None:
            way.append(at)
            at = up
        root = made.setdefault(at, at)
        made.update(dict.fromkeys(way, root))
    return made
