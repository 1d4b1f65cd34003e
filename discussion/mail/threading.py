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
        before = ""
        for reference in references:
            known = above.setdefault(reference, None)
            if before and known is None and not _is_below(before, reference, above):
                above[reference] = before
            before = reference
        # What a letter says of itself outweighs what others said of it.
        if before and not _is_below(before, own, above):
            above[own] = before
    return above


def _is_below(lower: str, upper: str, above: dict[str, str | None]) -> bool:
    """Also where `lower` is too deep already: of 200,000 ids in one chain each would be walked for each."""
    at: str | None = lower
    for _ in range(DEEPEST):
        if at == upper:
            return True
        at = above.get(at) if at is not None else None
        if at is None:
            return False
    return True


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
