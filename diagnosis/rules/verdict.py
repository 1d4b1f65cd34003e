"""What a diagnosis says. Two levels: the mechanism, proved or not, and who may be the holder.

Diagnosis    everything that a text gave: records, findings, what to do now, what to capture next
Finding      like records together: one verdict, and its candidates, best first
Verdict      the mechanism, with reasons on the user's own lines, and the kernel source of the rule
Candidate    a case that may be the holder: what supports it, what contradicts it, how to tell
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Optional, Tuple

from diagnosis.rules.page_dump.references import References
from diagnosis.text.record import Place, Record
from diagnosis.words import commands


@dataclass(frozen=True)
class Reason:
    text: str
    places: Tuple[Place, ...] = ()

    @property
    def lines(self) -> Tuple[int, ...]:
        """The lines that it points at, each once."""
        return tuple(sorted({place.line for place in self.places}))


@dataclass(frozen=True)
class Source:
    """Where the kernel does what a rule relies on. `kernels`: the versions in which that was read or seen."""

    kernels: str
    file: str
    function: str


@dataclass(frozen=True)
class Command:
    """A command as one types it, and what its output tells."""

    run: str
    tells: str

    @property
    def is_script(self) -> bool:
        """More than one line: nobody reads it before he has decided to run it."""
        return "\n" in self.run.strip()

    @property
    def does(self) -> str:
        """A word of COMMANDS: what it does to the machine, beside telling."""
        return commands.at_least(self.run)


@dataclass(frozen=True)
class Verdict:
    """`mechanism`: a slug of vocabulary.MECHANISMS, '' for none of the known. `manner`: of vocabulary.MANNERS, or ''.

    `mover`: of vocabulary.MOVERS, or ''. `area`: of vocabulary.AREAS, or ''. `unknown`: what this text cannot tell.
    `is_look_alike`: it fails like a case of this catalog, and is none.
    """

    rule: str
    mechanism: str
    proved: bool
    sentence: str
    reasons: Tuple[Reason, ...]
    sources: Tuple[Source, ...]
    manner: str = ""
    mover: str = ""
    area: str = ""
    unknown: Tuple[str, ...] = ()
    is_look_alike: bool = False

    @property
    def heading(self) -> str:
        """What stands above a verdict without a mechanism: a mover that waits for something else is no riddle."""
        return next((heading for begins, heading in _HEADINGS if self.rule.startswith(begins)), "None of the known")


# By how a rule's name begins.
_HEADINGS = (
    *(("sleeps-elsewhere", "Sleeps elsewhere"), ("waits-for-others", "Sleeps elsewhere")),
    *(("reclaims-meanwhile", "Sleeps elsewhere"), ("compacts", "At work"), ("mover-runs", "At work")),
    ("waits-for-some-folio", "Waits for a folio"),
    *(("bystander-", "A bystander"), ("kernel-error", "An error of the kernel's"), ("other-dump", "Another dump")),
    *(("migration-target", "A migration under way"), ("free-meanwhile", "Free by now")),
    *(("write-elsewhere", "Not of memory"), ("offline-no-range", "Refused as a range")),
    *(("offline-notifier", "Refused by a driver"), ("range-busy", "A busy range")),
)


@dataclass(frozen=True)
class Candidate:
    """`is_proved`: a proof of its signature holds. `kind`: of vocabulary.KINDS. `rank`: from 1; equal where nothing in
    the text puts one above the other."""

    case: str
    title: str
    kind: str
    is_proved: bool
    support: Tuple[Reason, ...]
    contradiction: Tuple[Reason, ...]
    tell: Tuple[Command, ...]
    rank: int = 1


@dataclass(frozen=True)
class Finding:
    """`records` are indexes into `Diagnosis.records`. `marks`: what signatures were held against, with its places."""

    verdict: Verdict
    records: Tuple[int, ...]
    marks: Mapping[str, Tuple[Place, ...]]
    candidates: Tuple[Candidate, ...]
    fingerprint: str
    references: Optional[References] = None

    @property
    def is_known(self) -> bool:
        return bool(self.verdict.mechanism)


@dataclass(frozen=True)
class Diagnosis:
    """`text` is what every Place points into. `summary` is one sentence. `release` is '' where no line tells it, or
    where `releases` are several: each record was read by what its own kernel means by it.

    Findings come in the order of their weight: proved before not proved, then by how much of the text speaks of them.
    """

    text: str
    nr_lines: int
    is_cut: bool
    records: Tuple[Record, ...]
    findings: Tuple[Finding, ...]
    summary: str
    now: Tuple[Reason, ...]
    capture: Tuple[Command, ...]
    release: str = ""
    architecture: str = ""
    releases: Tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing in the text is of a kind that this reader knows."""
        return not self.records
