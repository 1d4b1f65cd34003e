"""A kernel log, or whatever a person pasted, to observations: one for each finding, kind `log`.

    observations(text, Context(release="6.12.95", environment="guest"))

A log has no control beside it, so what it shows is counted apart from runs. `outcome` is what it shows of the folio:
`hangs` where a mover sleeps for it, `refuses` where a mover came back without it, `inconclusive` else. That the kernel
panicked is told too.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import List, Union

from diagnosis.diagnose import diagnose
from diagnosis.matching import naming
from diagnosis.matching.observation import Context, Observation
from diagnosis.rules.verdict import Finding
from diagnosis.words import vocabulary

_PANIC = "Kernel panic - not syncing:"
_NUMBERS = re.compile(r"\b(?:0x)?[0-9a-f]*\d[0-9a-f]*\b")
MAX_PANICS = 20
_OUTCOMES = {"sleeps_in_d": "hangs", "retries_without_progress": "refuses", "rejected_at_once": "refuses"}


def observations(text: Union[str, bytes], context: Context) -> List[Observation]:
    """One for each finding, in the order of the text. The sender's word about the kernel goes before the text's own."""
    read = diagnose(text, release=context.release)
    release = context.release or read.release
    architecture = context.architecture or read.architecture
    made = []
    for finding in sorted(read.findings, key=lambda one: one.records):
        verdict = finding.verdict
        made.append(
            Observation(
                key="line:%d" % read.records[finding.records[0]].lines[0],
                kind="log",
                names="",
                release=release,
                label=context.label,
                architecture=architecture,
                mover=verdict.mover,
                migrate_mode=vocabulary.MOVER_MODES.get(verdict.mover, ""),
                area=verdict.area,
                environment=context.environment,
                outcome=_outcome(finding),
                freed_seconds=None,
                fingerprint=finding.fingerprint,
                marks=tuple(sorted(finding.marks)),
                says=verdict.sentence,
            )
        )
    return _distinct(made) + _panics(read.text, context, release, architecture)


def _panics(text: str, context: Context, release: str, architecture: str) -> List[Observation]:
    """A kernel that panicked says nothing of a folio, and why nothing came after it. In a log that shows the end of two
    boots there may be two."""
    made: List[Observation] = []
    at = text.find(_PANIC)
    while at >= 0 and len(made) < MAX_PANICS:
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        why = naming.plain(text[at + len(_PANIC) : end].strip())
        alike = _NUMBERS.sub("N", why)
        made.append(
            Observation(
                key="panic:%d" % (text.count("\n", 0, at) + 1),
                kind="log",
                names="",
                release=release,
                label=context.label,
                architecture=architecture,
                mover="",
                migrate_mode="",
                area="",
                environment=context.environment,
                outcome="inconclusive",
                freed_seconds=None,
                fingerprint=hashlib.sha256(("panic/" + alike).encode()).hexdigest()[:16],
                says="The kernel panicked: " + (why or "it does not say why."),
            )
        )
        at = text.find(_PANIC, end)
    return made


def _outcome(finding: Finding) -> str:
    """Of the folio, not of the operation: a look-alike says nothing about a folio that ought to move."""
    if not finding.is_known or finding.verdict.is_look_alike:
        return "inconclusive"
    return _OUTCOMES.get(finding.verdict.manner, "inconclusive")


def _distinct(made: List[Observation]) -> List[Observation]:
    """Two findings that begin on one line keep keys apart by their fingerprints."""
    seen = set()
    kept = []
    for one in made:
        key = one.key if one.key not in seen else "%s/%s" % (one.key, one.fingerprint)
        seen.add(key)
        kept.append(replace(one, key=key))
    return kept
