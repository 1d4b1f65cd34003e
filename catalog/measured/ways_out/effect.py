"""What a strategy did to a case, from runs without and with it. Whether there is a difference says `side_by_side`.

A folio that is not held any more in any run: *solves*. Held in fewer runs, or refused at once where the mover slept
before: *helps*; a hang that became a refusal is not solved. The other way round: *worse*. Nothing is said of fewer runs
than could show a difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from catalog.measured import side_by_side
from catalog.measured.side_by_side import DIFFERS, FIXED, LEVEL, NO_DIFFERENCE, ONE_SIDE, REGRESSED, Pair
from diagnosis.words.vocabulary import CONCLUSIVE, HELD, Word, look_up

SOLVES, HELPS, NO_CHANGE, WORSE, CHANGES = "solves", "helps", "no_change", "worse", "changes"
TOO_FEW, NOT_MEASURED = "too_few", "not_measured"

EFFECTS = {
    slug: Word(slug, label, meaning)
    for slug, label, meaning in (
        (SOLVES, "solves", "With it the folio was held in no run, and without it, it was."),
        (HELPS, "helps", "Held in fewer runs, or refused where the mover slept in D before."),
        (NO_CHANGE, "no change", "Enough runs to show a difference, and none is shown."),
        (WORSE, "worse", "Held in more runs, or the mover sleeps where it was refused before."),
        (CHANGES, "changes something", "The outcome differs; the folio is held as often as before."),
        (TOO_FEW, "too few runs", "Even opposite outcomes in every run would not show a difference."),
        (NOT_MEASURED, "claimed, not measured", "Nothing was run with it and without it."),
    )
}
MEASURED = (SOLVES, HELPS, NO_CHANGE, WORSE, CHANGES)


def of(pair: Pair) -> str:
    """The effect that one pair shows, from base (`a`) to applied (`b`)."""
    if pair.a is None or pair.b is None:
        return NOT_MEASURED
    before, after = ({word.slug: runs for word, runs in side.outcomes} for side in (pair.a, pair.b))
    return between(before, after)


def between(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """The same of runs by outcome."""
    verdict, _ = side_by_side.compared(before, after)
    if verdict == ONE_SIDE:
        return NOT_MEASURED
    if verdict == NO_DIFFERENCE:
        return NO_CHANGE
    if verdict != DIFFERS or min(map(_conclusive, (before, after))) < side_by_side.LEAST:
        return TOO_FEW
    turned = side_by_side.turned(before, after)
    if turned == FIXED:
        return HELPS if _held(after) else SOLVES
    if turned == REGRESSED:
        return WORSE
    return _slept(before, after)


def _slept(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """Held as often as before: whether those who ask for the memory sleep less often, or more often."""
    hung = [side.get("hangs", 0) for side in (before, after)]
    runs = [_conclusive(before), _conclusive(after)]
    if side_by_side.exact([hung[0], runs[0] - hung[0]], [hung[1], runs[1] - hung[1]]) >= LEVEL:
        return CHANGES
    return HELPS if hung[1] * runs[0] < hung[0] * runs[1] else WORSE


def _conclusive(side: Mapping[str, int]) -> int:
    return sum(side.get(slug, 0) for slug in CONCLUSIVE)


def _held(side: Mapping[str, int]) -> int:
    return sum(side.get(slug, 0) for slug in HELD)


def together(effects: Iterable[str]) -> str:
    """One mark for what several movers and builds show: one that got worse is never hidden behind others, and only
    what every one of them says solves the case."""
    seen = set(effects)
    found = seen & set(MEASURED)
    if not found:
        return TOO_FEW if TOO_FEW in seen else NOT_MEASURED
    if WORSE in found:
        return WORSE
    if found == {SOLVES}:
        return SOLVES
    if found & {SOLVES, HELPS}:
        return HELPS
    return CHANGES if CHANGES in found else NO_CHANGE


def contradicts(claimed: str, measured: str) -> bool:
    """Whether a measurement says otherwise than the text."""
    wrong = {
        "solves": (HELPS, NO_CHANGE, WORSE),
        "helps": (NO_CHANGE, WORSE),
        "does_not_apply": (SOLVES, HELPS, WORSE),
    }
    return measured in wrong.get(claimed, ())


def word(slug: str) -> Word:
    return look_up(EFFECTS, slug)
