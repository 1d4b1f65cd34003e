"""A kernel log, or whatever a person pasted, to observations: one for each finding, kind `log`.

    observations(text, Context(release="6.12.95", environment="guest"))

A log has no control beside it, so what it shows is counted apart from runs. `outcome` is what it shows of the folio:
`hangs` where a mover sleeps for it, `refuses` where a mover came back without it, `inconclusive` else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import List, Union

from diagnosis.diagnose import diagnose
from diagnosis.formats.format import Format, Given
from diagnosis.matching.observation import Context, Observation
from diagnosis.rules.verdict import Finding
from diagnosis.words import vocabulary

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
    return _distinct(made)


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


def _check(body: bytes, given: Given) -> str:
    """Any text is a log, and none carries a run id."""
    return ""


def _of_report(body: bytes, given: Given) -> List[Observation]:
    return observations(body, Context(given.kernel, given.label, given.architecture, given.environment))


FORMAT = Format(
    name="kernel-log",
    title="a kernel log, a page dump, a stack or a trace",
    media_types=("text/plain",),
    suffix=".txt",
    needs=("kernel", "architecture"),
    check=_check,
    observations=_of_report,
)
