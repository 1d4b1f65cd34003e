"""Observation to matches, with the rule and the reason. Pure: signatures come in as values.

A rule is a function (Observation, Signature) -> reason or ''. Adding a rule is adding it to RULES. A log is attached to
a case only where the case's signature says that its marks prove it; what may be the holder is said by `diagnose`.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Callable, Container, DefaultDict, FrozenSet, Iterable, List, Mapping, Sequence, Tuple, Union

from diagnosis.matching import naming
from diagnosis.matching.observation import Observation

MAX_REASON = 400


@dataclass(frozen=True)
class Sign:
    """Marks that all have to be there, and what they say together.

    `a|b`: either; `frame:nfs_*`: whatever begins so; `!mark`: not there. See diagnosis.rules.marks for what there is.
    """

    marks: Tuple[str, ...]
    why: str

    def holds(self, marks: Container[str], ordered: Sequence[str]) -> bool:
        return bool(self.marks) and all(_there(mark, marks, ordered) for mark in self.marks)


@dataclass(frozen=True)
class Tell:
    """A command that tells this holder from the others, and what its output says."""

    run: str
    tells: str


@dataclass(frozen=True)
class Signature:
    """How a case is recognised.

    `names`: its slug, its aliases, and the tests that speak of it. `mechanisms`: those with which it may be the holder.
    `needs`: marks without which it is no candidate. `proves`: any one of these is proof.
    `fingerprints`: of observations that no rule would recognise and that a person said are this case.
    """

    case: str
    names: FrozenSet[str]
    fingerprints: FrozenSet[str] = frozenset()
    title: str = ""
    kind: str = "case"
    mechanisms: Tuple[str, ...] = ()
    needs: Tuple[str, ...] = ()
    proves: Tuple[Sign, ...] = ()
    supports: Tuple[Sign, ...] = ()
    contradicts: Tuple[Sign, ...] = ()
    tell: Tuple[Tell, ...] = ()


@dataclass(frozen=True)
class Match:
    case: str
    rule: str
    reason: str


def _there(mark: str, marks: Container[str], ordered: Sequence[str]) -> bool:
    if mark.startswith("!"):
        return not _there(mark[1:], marks, ordered)
    if "|" in mark:
        return any(_there(one, marks, ordered) for one in mark.split("|"))
    if mark.endswith("*"):
        return any(one.startswith(mark[:-1]) for one in ordered)
    return mark in marks


def all_there(wanted: Iterable[str], marks: Container[str], ordered: Sequence[str]) -> bool:
    return all(_there(mark, marks, ordered) for mark in wanted)


@lru_cache(maxsize=1_024)
def _stretches(names: FrozenSet[str]) -> Tuple[Tuple[str, Tuple[naming.Parts, naming.Parts]], ...]:
    """Names in order, each taken apart: worked out once for a signature, not once for each test."""
    return tuple((name, naming.stretch(name)) for name in sorted(names))


def _named(observation: Observation, signature: Signature) -> str:
    if observation.kind == "test":
        test = observation.names
        name = next((name for name, wanted in _stretches(signature.names) if naming.names(test, wanted)), "")
        return name and "The test %s speaks of this case, by %s." % (observation.names, name)
    if not observation.names or observation.names not in signature.names:
        return ""
    if observation.names == signature.case:
        return "The run names this case."
    return "The run names %s, which stands for this case." % observation.names


def _ruled(observation: Observation, signature: Signature) -> str:
    if observation.fingerprint not in signature.fingerprints:
        return ""
    return "An editor said that observations of this fingerprint are this case."


def _proved(observation: Observation, signature: Signature) -> str:
    if not observation.marks:
        return ""
    marks = frozenset(observation.marks)
    for sign in signature.proves:
        if sign.holds(marks, observation.marks):
            return sign.why
    return ""


Rule = Callable[[Observation, Signature], str]
RULES: Mapping[str, Rule] = {"named": _named, "proved": _proved, "ruled": _ruled}


class Index:
    """Signatures by what a rule goes by: each observation is tried with the few that may be meant. A rule that goes by
    something else needs its line in `for_one` too."""

    def __init__(self, signatures: Iterable[Signature]) -> None:
        self._named: DefaultDict[str, List[Signature]] = defaultdict(list)
        self._ruled: DefaultDict[str, List[Signature]] = defaultdict(list)
        self._beginning: DefaultDict[str, List[Signature]] = defaultdict(list)  # by the first part of a stretch
        self._with_glob: List[Tuple[str, Signature]] = []
        self._proving: List[Signature] = []
        for signature in signatures:
            for name in signature.names:
                self._named[name].append(signature)
            for first in {wanted[0] for _, both in _stretches(signature.names) for wanted in both}:
                if first.endswith("*"):
                    self._with_glob.append((first[:-1], signature))
                else:
                    self._beginning[first].append(signature)
            for fingerprint in signature.fingerprints:
                self._ruled[fingerprint].append(signature)
            if signature.proves:
                self._proving.append(signature)

    def for_one(self, observation: Observation) -> List[Signature]:
        """All that some rule may recognise, each once, and others with them."""
        found: List[Signature] = list(self._ruled.get(observation.fingerprint, ()))
        if observation.marks:
            found += self._proving
        if observation.kind == "test":
            parts = {part for both in naming.read(observation.names) for part in both}
            for part in parts:
                found += self._beginning.get(part, ())
            found += [signature for begin, signature in self._with_glob if any(p.startswith(begin) for p in parts)]
        else:
            found += self._named.get(observation.names, ())
        return found if len(found) < 2 else list({id(signature): signature for signature in found}.values())


def match(observation: Observation, signatures: Union[Index, Iterable[Signature]]) -> List[Match]:
    """Every case that some rule recognises, once each (the first rule that does), in the order of slugs."""
    found: List[Match] = []
    for signature in signatures.for_one(observation) if isinstance(signatures, Index) else signatures:
        for rule, recognise in RULES.items():
            reason = recognise(observation, signature)
            if reason:
                found.append(Match(signature.case, rule, _shortened(reason)))
                break
    return sorted(found, key=lambda one: one.case)


def _shortened(reason: str) -> str:
    """A test's name and a glob are each up to 400 characters, and the two stand in one reason."""
    return reason if len(reason) <= MAX_REASON else reason[: MAX_REASON - 1] + "…"


def digest(signatures: Sequence[Signature]) -> str:
    """Changes whenever a signature or a rule is added or changed: unmatched observations are tried again then."""
    parts = [
        (s.case, sorted(s.names), sorted(s.fingerprints), s.proves) for s in sorted(signatures, key=lambda s: s.case)
    ]
    return hashlib.sha256(repr((list(RULES), naming.EDITION, parts)).encode()).hexdigest()[:16]
