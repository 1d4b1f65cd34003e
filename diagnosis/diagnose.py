"""A text to its diagnosis: read, judge each record, put like ones together, name the candidates.

The same call serves the page, the API, the command lines and the fuzzers. It raises nothing, whatever the text.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from diagnosis.answers import advice
from diagnosis.matching.candidates import ranked
from diagnosis.matching.match import Signature
from diagnosis.readers import reading
from diagnosis.rules import bystanders, log, marks, movers, surroundings
from diagnosis.rules.page_dump import references, rules
from diagnosis.rules.page_dump.dump import Dump
from diagnosis.rules.page_dump.references import References
from diagnosis.rules.tasks import sleepers
from diagnosis.rules.verdict import Diagnosis, Finding, Verdict
from diagnosis.text.boots import Boots
from diagnosis.text.record import Place, Record

Places = Tuple[Place, ...]
MAX_FINDINGS = 200
# Marks that differ from page to page of one kind, and so do not part findings.
_PAGES_OWN = ("left:",)


def diagnose(text: Union[str, bytes], signatures: Iterable[Signature] = (), release: str = "") -> Diagnosis:
    """Everything that `text` gives. Without signatures there are no candidates, and the mechanisms all the same.

    `release`: the kernel's, from who knows it better than the text; it decides where kernels mean different things.
    """
    read = reading.read(text)
    boots = Boots(read.records)
    whole = surroundings.context_of_text(read.records, release)
    contexts = [whole] * len(read.records)
    if boots.are_several and not release:
        contexts = [surroundings.context_for_kernel(whole, boots.release_of(record)) for record in read.records]
    groups: Dict[str, List[int]] = {}
    judged: Dict[int, Tuple[Verdict, Dict[str, Places], Optional[References]]] = {}
    for index, record in enumerate(read.records):
        made = _judge(record, index, read.records, contexts[index])
        if made is not None:
            judged[index] = made
            groups.setdefault(_fingerprint(made[0], made[1]), []).append(index)
    known = list(signatures)
    findings = [_finding(mark, indexes, judged, contexts[indexes[0]], known) for mark, indexes in groups.items()]
    findings.sort(key=lambda finding: _weight(finding, read.records))
    kept = tuple(findings[:MAX_FINDINGS])
    told, architecture = surroundings.kernel(read.records)
    return Diagnosis(
        read.text,
        read.nr_lines,
        read.is_cut or len(findings) > MAX_FINDINGS,
        read.records,
        kept,
        advice.summary(kept, read.records, read.text),
        advice.now(kept, read.records),
        advice.capture(kept, read.records),
        "" if boots.are_several else told,
        architecture,
        tuple(boots.releases),
    )


def _judge(
    record: Record, index: int, records: Sequence[Record], context: surroundings.Context
) -> Optional[Tuple[Verdict, Dict[str, Places], Optional[References]]]:
    taken = references.taken_apart(record, context.release) if record.kind == "page_dump" else None
    own = marks.of(record, taken)
    verdict: Optional[Verdict]
    if record.kind == "page_dump":
        verdict = rules.judged(
            Dump(record, taken, own, surroundings.mover_of(record, index, records), context.architecture)
        )
    elif record.kind == "task":
        verdict = sleepers.judged(record, context.release) or movers.judged(
            record, context.release, context.connections
        )
    else:
        verdict = log.judged(record, context)
    if verdict is None:
        return None
    own["mechanism:" + verdict.mechanism] = tuple(place for reason in verdict.reasons for place in reason.places)[:8]
    for name, word in (
        ("mover", verdict.mover),
        ("manner", verdict.manner),
        ("area", verdict.area),
        ("rule", verdict.rule),
    ):
        if word:
            own.setdefault("%s:%s" % (name, word), ())
    return verdict, own, taken


def _finding(
    fingerprint: str,
    indexes: List[int],
    judged: Mapping[int, Tuple[Verdict, Dict[str, Places], Optional[References]]],
    context: surroundings.Context,
    signatures: Sequence[Signature],
) -> Finding:
    verdict, own, taken = judged[indexes[0]]
    if not verdict.mechanism:
        own = {name: places for name, places in own.items() if name != "mechanism:"}
    with_others = {**context.marks, **own}
    found = ranked(with_others, signatures, context.sayings, may_prove=verdict.proved)
    if any(candidate.kind == "look_alike" and candidate.is_proved for candidate in found):
        verdict = replace(verdict, is_look_alike=True)
    if found and found[0].is_proved:
        verdict = replace(verdict, unknown=tuple(what for what in verdict.unknown if not what.startswith(_WHO)))
    return Finding(verdict, tuple(indexes), with_others, found, fingerprint, taken)


# How what is not known of the holder begins. Where it is proved, it is known.
_WHO = ("Who holds ", "Whose ")


def _fingerprint(verdict: Verdict, own: Mapping[str, Places]) -> str:
    """The same for two records of which one would say the same: their marks, less what is each page's own."""
    if verdict.rule.startswith(bystanders.PREFIX):
        own = {}
    kept = sorted(name for name in own if not name.startswith(_PAGES_OWN) and name not in _VOLATILE)
    return hashlib.sha256("\n".join([verdict.rule, verdict.mover, *kept]).encode("utf-8", "replace")).hexdigest()[:16]


# Flags that come and go with each page, and say nothing of what holds it.
_VOLATILE = frozenset(
    "flag:" + name
    for name in ("referenced", "active", "workingset", "owner_2", "mappedtodisk", "reclaim", "error", "uptodate")
)


def _weight(finding: Finding, records: Sequence[Record]) -> Tuple[bool, bool, bool, int, int]:
    verdict = finding.verdict
    return (
        not verdict.mechanism,
        not verdict.proved,
        verdict.mechanism in ("waits_on_other", "stuck_isolated"),
        -len(finding.records),
        records[finding.records[0]].lines[0],
    )
