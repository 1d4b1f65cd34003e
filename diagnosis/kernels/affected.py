"""Is a kernel affected by a case? From measurements and from what is known of trees; never from a bare range.

In goes a release, what was measured of one case anywhere, and what its file says of trees. Out comes affected,
not affected or unknown, with every reason. The nearer reason decides:

    build      measured on this very build
    line       measured on another build of the same line, with no known change between the two
    tree       looked up in this line's own tree, or a fix that went into it
    commits    the commits that brought it to mainline and took it away; a vendor's kernel has backports: unknown
    elsewhere  measured on the nearest other lines, or looked up in other trees; shown, and never decides

Reasons that say otherwise than the one that decided are shown as contradicting it. What is from memory decides nothing.
Runs that moved decide nothing where the line's own tree names a state that they did not make (`not_run`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Iterable, List, Sequence, Tuple

from diagnosis.kernels import releases
from diagnosis.kernels.releases import Release
from diagnosis.words.vocabulary import ENVIRONMENTS, MOVERS, PROVENANCES, look_up, look_up_area

AFFECTED, NOT_AFFECTED, UNKNOWN = "affected", "not_affected", "unknown"
ORDER = ("build", "line", "tree", "commits")


@dataclass(frozen=True)
class Measurement:
    """The conclusive runs of one mover in one area on one build; `held` of `conclusive` kept the folio."""

    release: str
    mover: str
    area: str
    environment: str
    architecture: str
    kind: str
    held: int
    conclusive: int
    nr_machines: int

    @property
    def verdict(self) -> str:
        return AFFECTED if self.held else NOT_AFFECTED if self.conclusive else UNKNOWN

    @property
    def said(self) -> str:
        machines = "1 machine" if self.nr_machines == 1 else "%d machines" % self.nr_machines
        runs = "1 run" if self.conclusive == 1 else "%d runs" % self.conclusive
        words = (look_up(MOVERS, self.mover), look_up_area(self.area), look_up(ENVIRONMENTS, self.environment))
        mover, area, environment = (word.label for word in words)
        where = "%s, %s, %s %s" % (mover, area, self.architecture, environment)
        where += "" if self.kind == "run" else ", from a %s" % self.kind
        return "%s: held in %d of %s on %s" % (where, self.held, runs, machines)

    @property
    def key(self) -> Tuple[str, ...]:
        """What is never pooled."""
        return self.mover, self.area, self.environment, self.architecture, self.kind


@dataclass(frozen=True)
class Change:
    """What a case's file says of one tree; `change` and `known_by` are words of the vocabulary."""

    tree: str
    change: str
    known_by: str
    release: str = ""
    commit: str = ""
    not_run: str = ""
    """Of `present`: a state that the recorded runs do not make, and in which the folio is held."""
    place: str = ""
    """File, line and function, where a machine looked it up."""

    @property
    def is_checked(self) -> bool:
        return self.known_by != "memory"


@dataclass(frozen=True)
class Reason:
    """`verdict` is what this alone would say; UNKNOWN where it decides nothing."""

    known_by: str
    verdict: str
    text: str
    contradicts: bool = False


@dataclass(frozen=True)
class Answer:
    verdict: str
    known_by: str
    """Of the reason that decided; '' where nothing did."""
    reasons: Tuple[Reason, ...]


def answer(kernel: Release, measured: Iterable[Measurement], changes: Sequence[Change]) -> Answer:
    conclusive = [one for one in measured if one.conclusive]
    reasons = _of_build(kernel, conclusive) + _of_line(kernel, conclusive, changes)
    reasons = _less_what_was_not_run(kernel, reasons, changes)
    reasons += _of_tree(kernel, changes) + _of_commits(kernel, changes)
    reasons += _elsewhere(kernel, conclusive) + _other_trees(kernel, changes)
    for known_by in ORDER:
        said = {reason.verdict for reason in reasons if reason.known_by == known_by}
        if AFFECTED in said and NOT_AFFECTED in said and known_by == "build":
            said.remove(NOT_AFFECTED)  # one mover is held and another is not: both are true, and it is affected
        decided = said - {UNKNOWN}
        if len(decided) == 1:
            verdict = decided.pop()
            return Answer(verdict, known_by, tuple(_marked(reasons, verdict, known_by)))
        if decided:
            return Answer(UNKNOWN, "", tuple(replace(r, contradicts=r.known_by == known_by) for r in reasons))
    return Answer(UNKNOWN, "", tuple(reasons))


def _less_what_was_not_run(kernel: Release, measured: List[Reason], changes: Sequence[Change]) -> List[Reason]:
    """Runs in which the folio moved are true of the state that they made, and no answer for one that they did not."""
    left_out = [
        change.not_run
        for change in changes
        if change.not_run
        and change.is_checked
        and not kernel.vendor
        and _is_of_line(kernel, change)
        and _in_tree(kernel, change, changes)[0] == AFFECTED
    ]
    if not left_out:
        return measured
    note = " The runs did not make: %s" % left_out[0]
    return [replace(r, verdict=UNKNOWN, text=r.text + note) if r.verdict == NOT_AFFECTED else r for r in measured]


def _marked(reasons: List[Reason], verdict: str, known_by: str) -> List[Reason]:
    against = {AFFECTED: NOT_AFFECTED, NOT_AFFECTED: AFFECTED}[verdict]
    return [replace(r, contradicts=r.verdict == against and r.known_by != known_by) for r in reasons]


def _of_build(kernel: Release, measured: List[Measurement]) -> List[Reason]:
    return [Reason("build", one.verdict, one.said + ".") for one in measured if one.release == kernel.raw]


def _of_line(kernel: Release, measured: List[Measurement], changes: Sequence[Change]) -> List[Reason]:
    """One reason a mover, area and so on. Builds that say different things decide nothing for that mover."""
    groups: Dict[Tuple[str, ...], List[Measurement]] = {}
    for one in measured:
        if one.release != kernel.raw and releases.read(one.release).line == kernel.line:
            groups.setdefault(one.key, []).append(one)
    made = []
    for key in sorted(groups):
        group = sorted(groups[key], key=lambda one: releases.read(one.release).order)
        said = "; ".join("%s: %s" % (one.release, one.said) for one in group)
        carried = [one.verdict for one in group if _carries(kernel, one.release, one.held > 0, changes)]
        if not carried:
            made.append(Reason("line", UNKNOWN, said + ". A known change may lie between that build and this one."))
        elif len(set(carried)) > 1:
            made.append(Reason("line", UNKNOWN, said + ". The builds disagree."))
        else:
            made.append(Reason("line", carried[0], said + "."))
    if any(reason.verdict == AFFECTED for reason in made):
        return [replace(r, verdict=UNKNOWN) if r.verdict == NOT_AFFECTED else r for r in made]
    if any("disagree" in reason.text for reason in made):
        return [replace(r, verdict=UNKNOWN) for r in made]
    return made


def _carries(kernel: Release, other: str, held: bool, changes: Sequence[Change]) -> bool:
    """Whether what was seen on `other`, of the same line, can be said of `kernel` too: no known change between."""
    seen = releases.read(other)
    for change in changes:
        if change.change not in ("introduced", "fixed") or not _is_of_line(kernel, change):
            continue
        at = releases.read(change.release)
        mine, its = releases.compare(kernel, at), releases.compare(seen, at)
        if mine is None or its is None or (mine < 0) != (its < 0):
            return False
        is_exact = bool(change.commit) or change.change == "introduced"
        if not is_exact and its < 0 and held and (releases.compare(kernel, seen) or 0) > 0:
            return False  # fixed somewhere up to `at`, perhaps between the two
    return True


def _is_of_line(kernel: Release, change: Change) -> bool:
    if change.tree == "mainline" and change.release:
        return releases.read(change.release).line == kernel.line
    return change.tree == kernel.line


def _of_tree(kernel: Release, changes: Sequence[Change]) -> List[Reason]:
    made = []
    for change in changes:
        if kernel.vendor or not _is_of_line(kernel, change):
            continue
        verdict, note = _in_tree(kernel, change, changes)
        if not change.is_checked:
            verdict, note = UNKNOWN, "Nobody has checked it."
        elif any(_is_between(kernel, other, change) for other in changes):
            verdict, note = UNKNOWN, "Another change lies between that and this kernel."
        made.append(Reason("tree", verdict, " ".join(filter(None, (_said(change), note)))))
    return made


def _is_between(kernel: Release, other: Change, change: Change) -> bool:
    """Of what introduced and fixed it in this line, only the nearest on either side says anything of the kernel."""
    decisive = ("introduced", "fixed")
    if change.change not in decisive or other.change not in decisive or not _is_of_line(kernel, other):
        return False
    at, its = releases.read(change.release), releases.read(other.release)
    order, since = releases.compare(kernel, its), releases.compare(its, at)
    if order is None or since is None or not other.is_checked:
        return False
    return since > 0 if order >= 0 else since < 0


def _in_tree(kernel: Release, change: Change, changes: Sequence[Change]) -> Tuple[str, str]:
    if not change.release:
        return UNKNOWN, "In which release is not known."
    at = releases.read(change.release)
    order = releases.compare(kernel, at)
    if change.change in ("present", "absent"):
        if not _carries(kernel, change.release, change.change == "present", changes):
            return UNKNOWN, "A known change may lie between that release and this kernel."
        return (AFFECTED if change.change == "present" else NOT_AFFECTED), ""
    if change.change == "changed":
        return UNKNOWN, ""
    if kernel.is_candidate and not at.is_candidate and kernel.base == at.base:
        return UNKNOWN, "It came between two candidates of this release; which is not known."
    if order is None:
        return UNKNOWN, "The name of this kernel does not tell which stable release is within."
    if change.change == "introduced":
        return (AFFECTED if order >= 0 else NOT_AFFECTED), ""
    if order >= 0:
        return NOT_AFFECTED, ""
    if change.commit:
        return AFFECTED, "This kernel is older than the fix."
    return UNKNOWN, "This kernel is older; where exactly the fix came in is not known."


def _of_commits(kernel: Release, changes: Sequence[Change]) -> List[Reason]:
    """What mainline's commits say of a kernel that was branched from it later."""
    ours = [c for c in changes if c.tree == "mainline" and c.change in ("introduced", "fixed")]
    ours = [c for c in ours if not _is_of_line(kernel, c)]
    is_fixable = any(c.change == "fixed" and (c.tree == "mainline" or _is_of_line(kernel, c)) for c in changes)
    made = []
    for change in ours:
        verdict, note = _by_commit(kernel, change, is_fixable)
        if not change.is_checked and verdict != UNKNOWN:
            verdict, note = UNKNOWN, note + " Nobody has checked it."
        made.append(Reason("commits", verdict, " ".join(filter(None, (_said(change), note.strip())))))
    fixed = any(reason.verdict == NOT_AFFECTED for reason in made)
    return [replace(r, verdict=UNKNOWN) if fixed and r.verdict == AFFECTED else r for r in made]


def _by_commit(kernel: Release, change: Change, is_fixable: bool) -> Tuple[str, str]:
    if kernel.vendor:
        return UNKNOWN, "What this vendor has backported is not known."
    if not change.release:
        return UNKNOWN, "In which release is not known."
    is_within = kernel.base > releases.read(change.release).base
    if change.change == "fixed":
        if is_within:
            return NOT_AFFECTED, "This kernel was branched later."
        return UNKNOWN, "Whether the fix went into this line is not known."
    if not is_within:
        return UNKNOWN, "Later than this line, which may have got it as a backport."
    return (UNKNOWN, "") if is_fixable else (AFFECTED, "This kernel was branched later, and no fix is known.")


def _said(change: Change) -> str:
    where = "%s %s" % (change.tree, change.release) if change.release else change.tree
    where = change.release if change.release.startswith(change.tree) else where
    commit = " by %s" % change.commit[:12] if change.commit else ""
    known_by = look_up(PROVENANCES, change.known_by).label + (", " + change.place if change.place else "")
    return "%s: %s%s (%s)." % (where, change.change, commit, known_by)


def _elsewhere(kernel: Release, measured: List[Measurement]) -> List[Reason]:
    """The nearest line measured below and above; what holds on both sides holds probably here, and is not known to."""
    seen: Dict[Tuple[int, int], List[Measurement]] = {}
    for one in measured:
        release = releases.read(one.release)
        if release.is_known and not release.vendor and release.line != kernel.line:
            seen.setdefault(release.base, []).append(one)
    below = max((base for base in seen if base <= kernel.base), default=None)
    above = min((base for base in seen if base > kernel.base), default=None)
    return [_neighbour(seen[base]) for base in (below, above) if base is not None]


def _neighbour(group: List[Measurement]) -> Reason:
    held = [one.held > 0 for one in group]
    line = releases.read(group[0].release).line
    what = "held for some movers, not for others" if any(held) else "never held"
    what = "held" if all(held) else what
    builds = ", ".join(sorted({one.release for one in group}))
    return Reason("elsewhere", UNKNOWN, "Line %s: %s (%s)." % (line, what, builds))


def _other_trees(kernel: Release, changes: Sequence[Change]) -> List[Reason]:
    other = [c for c in changes if kernel.vendor or not _is_of_line(kernel, c)]
    of_commits = ("introduced", "fixed")
    return [Reason("elsewhere", UNKNOWN, _said(c)) for c in other if c.tree != "mainline" or c.change not in of_commits]
