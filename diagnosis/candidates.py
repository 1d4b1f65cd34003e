"""Who may be the holder: each case's signature held against the marks of a finding, best first.

A candidate that is not proved is a candidate, however much supports it.
"""

from __future__ import annotations

from typing import Iterable, List, Tuple

from diagnosis.marks import Marks
from diagnosis.match import Sign, Signature, all_there
from diagnosis.record import Place
from diagnosis.verdict import CANDIDATE, PROVED, Candidate, Command, Reason


def ranked(marks: Marks, signatures: Iterable[Signature]) -> Tuple[Candidate, ...]:
    """Proved ones first, then by support less contradiction, then by slug."""
    made: List[Candidate] = []
    ordered = tuple(sorted(marks))
    mechanism = next((mark.partition(":")[2] for mark in ordered if mark.startswith("mechanism:")), "")
    for signature in signatures:
        proofs = [sign for sign in signature.proves if sign.holds(marks, ordered)]
        fits = bool(mechanism) and mechanism in signature.mechanisms and all_there(signature.needs, marks, ordered)
        if not proofs and not fits:
            continue
        made.append(
            Candidate(
                signature.case,
                signature.title or signature.case,
                signature.kind,
                PROVED if proofs else CANDIDATE,
                tuple(_reason(sign, marks) for sign in proofs + _holding(signature.supports, marks, ordered)),
                tuple(_reason(sign, marks) for sign in _holding(signature.contradicts, marks, ordered)),
                tuple(Command(tell.run, tell.tells) for tell in signature.tell),
            )
        )
    return tuple(sorted(made, key=_weight))


def _weight(candidate: Candidate) -> "Tuple[bool, int, bool, str]":
    weight = 2 * len(candidate.contradiction) - len(candidate.support)
    return candidate.standing != PROVED, weight, candidate.kind != "case", candidate.case


def _holding(signs: Iterable[Sign], marks: Marks, ordered: Tuple[str, ...]) -> List[Sign]:
    return [sign for sign in signs if sign.holds(marks, ordered)]


def _reason(sign: Sign, marks: Marks) -> Reason:
    places: List[Place] = []
    for wanted in sign.marks:
        for mark in wanted.lstrip("!").split("|"):
            if mark.endswith("*"):
                places += [place for name in marks if name.startswith(mark[:-1]) for place in marks[name]]
            elif not wanted.startswith("!"):
                places += marks.get(mark, ())
    return Reason(sign.why, tuple(dict.fromkeys(places))[:8])
