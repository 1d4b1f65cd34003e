"""Who may be the holder: each case's signature held against the marks of a finding, best first.

A candidate that is not proved is a candidate, however much supports it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Iterable, List, Mapping, Sequence, Tuple

from diagnosis.matching.match import Sign, Signature, all_there
from diagnosis.rules.marks import Marks
from diagnosis.rules.verdict import Candidate, Command, Reason
from diagnosis.text.record import Place


def ranked(
    marks: Marks, signatures: Iterable[Signature], sayings: Mapping[str, Tuple[str, ...]], may_prove: bool = True
) -> Tuple[Candidate, ...]:
    """Proved ones first, then by support less contradiction, then by slug.

    `may_prove`: the mechanism is proved. Where it is not, whoever it points to cannot be: a task that ran has the
    same functions in its trace, and a page that was dumped for something else the same operations.
    `sayings`: sentences that the text gives for some marks, which a reason repeats (diagnosis.rules.surroundings).
    """
    made: List[Tuple[Tuple[bool, int, bool, str], Candidate]] = []
    ordered = tuple(sorted(marks))
    mechanism = next((mark.partition(":")[2] for mark in ordered if mark.startswith("mechanism:")), "")
    for signature in signatures:
        proofs = _holding(signature.proves, marks, ordered) if may_prove else []
        fits = bool(mechanism) and mechanism in signature.mechanisms and all_there(signature.needs, marks, ordered)
        if not proofs and not fits:
            continue
        support = proofs + _holding(signature.supports, marks, ordered)
        against = _holding(signature.contradicts, marks, ordered)
        candidate = Candidate(
            signature.case,
            signature.title or signature.case,
            signature.kind,
            bool(proofs),
            tuple(_reason(sign, marks, sayings) for sign in support),
            tuple(_reason(sign, marks, sayings) for sign in against),
            tuple(Command(tell.run, tell.tells) for tell in signature.tell),
        )
        weight = 2 * _strength(against) - _strength(support)
        made.append(((not proofs, weight, signature.kind != "case", signature.case), candidate))
    return _numbered(sorted(made, key=lambda one: one[0]))


def _numbered(made: Sequence[Tuple[Tuple[bool, int, bool, str], Candidate]]) -> Tuple[Candidate, ...]:
    """Each with its rank. Those between which nothing in the text decides have the same one, whatever their order."""
    numbered: List[Candidate] = []
    for at, (weight, candidate) in enumerate(made):
        is_tied = at > 0 and made[at - 1][0][:2] == weight[:2]
        numbered.append(replace(candidate, rank=numbered[-1].rank if is_tied else at + 1))
    return tuple(numbered)


# Marks that speak of more than the folio itself: of a task, an allocation, a mapping, the rest of the text.
_TELLING = ("owner:", "task:", "asleep:", "said:", "frame:", "aops:", "flag:")


# That something exists, and not that it does anything.
_MERE = "said:there:"


def _strength(signs: Iterable[Sign]) -> int:
    return sum(
        2 if any(mark.startswith(_TELLING) and not mark.startswith(_MERE) for mark in sign.marks) else 1
        for sign in signs
    )


def _holding(signs: Iterable[Sign], marks: Marks, ordered: Tuple[str, ...]) -> List[Sign]:
    return [sign for sign in signs if sign.holds(marks, ordered)]


def _reason(sign: Sign, marks: Marks, sayings: Mapping[str, Tuple[str, ...]]) -> Reason:
    places: List[Place] = []
    told: List[str] = []
    for wanted in sign.marks:
        for mark in wanted.lstrip("!").split("|"):
            if mark.endswith("*"):
                places += [place for name in marks if name.startswith(mark[:-1]) for place in marks[name]]
            elif not wanted.startswith("!"):
                places += marks.get(mark, ())
                told += sayings.get(mark, ())
    return Reason(" ".join([sign.why, *told]), tuple(dict.fromkeys(places))[:8])
