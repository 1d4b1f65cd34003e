"""Observation to matches, with the rule and the reason. Pure: signatures come in as values.

A rule is a function (Observation, Signature) -> reason or ''. Adding a rule is adding it to RULES.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Callable, FrozenSet, Iterable, List, Mapping, Sequence

from diagnosis import naming
from diagnosis.observation import Observation


@dataclass(frozen=True)
class Signature:
    """How a case is recognised. `names`: its slug, its aliases, and the tests that speak of it.

    `fingerprints`: of observations that no rule would recognise and that a person said are this case.
    """

    case: str
    names: FrozenSet[str]
    fingerprints: FrozenSet[str] = frozenset()


@dataclass(frozen=True)
class Match:
    case: str
    rule: str
    reason: str


def _named(observation: Observation, signature: Signature) -> str:
    if observation.kind == "test":
        name = next((name for name in sorted(signature.names) if naming.speaks_of(observation.names, name)), "")
        return name and "The test %s speaks of this case, by %s." % (observation.names, name)
    if observation.names not in signature.names:
        return ""
    if observation.names == signature.case:
        return "The run names this case."
    return "The run names %s, which stands for this case." % observation.names


def _ruled(observation: Observation, signature: Signature) -> str:
    if observation.fingerprint not in signature.fingerprints:
        return ""
    return "An editor said that observations of this fingerprint are this case."


Rule = Callable[[Observation, Signature], str]
RULES: Mapping[str, Rule] = {"named": _named, "ruled": _ruled}


def match(observation: Observation, signatures: Iterable[Signature]) -> List[Match]:
    """Every case that some rule recognises, once each (the first rule that does), in the order of slugs."""
    found: List[Match] = []
    for signature in sorted(signatures, key=lambda s: s.case):
        for rule, recognise in RULES.items():
            reason = recognise(observation, signature)
            if reason:
                found.append(Match(signature.case, rule, reason))
                break
    return found


def digest(signatures: Sequence[Signature]) -> str:
    """Changes whenever a signature or a rule is added or changed: unmatched observations are tried again then."""
    parts = [(s.case, sorted(s.names), sorted(s.fingerprints)) for s in sorted(signatures, key=lambda s: s.case)]
    return hashlib.sha256(repr((list(RULES), parts)).encode()).hexdigest()[:16]
