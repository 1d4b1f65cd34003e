"""Every case against one kernel: reads what `diagnosis.kernels.affected` judges by. Three queries in all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from catalog.documents.current import case_text
from catalog.measured.asked import read_states
from catalog.models import Case, KernelBuild, Total
from diagnosis.kernels import affected, releases
from diagnosis.kernels.affected import Answer, Change, Measurement
from diagnosis.kernels.releases import Release


@dataclass(frozen=True)
class Judged:
    case: Case
    answer: Answer


def judge(kernel: Release, cases: Iterable[Case]) -> list[Judged]:
    """In the order given. The cases come with their current revision."""
    cases = list(cases)
    measured = _measured(kernel, cases)
    return [Judged(case, affected.answer(kernel, measured[case.pk], changes(case))) for case in cases]


def changes(case: Case) -> list[Change]:
    """What its file says of trees; and of lines of which it says nothing, what a machine looked up in their source."""
    text = case_text(case.document)
    trees = text.trees if text else ()
    said = [Change(c.tree, c.change, c.known_by, c.release or "", c.commit or "", c.not_run or "") for c in trees]
    lines = {change.tree for change in said}
    return said + [change for change in read_states.changes(case.slug) if change.tree not in lines]


def _measured(kernel: Release, cases: list[Case]) -> dict[int, list[Measurement]]:
    """By case, what is near enough to matter: builds of the kernel's line, and of the nearest upstream lines."""
    near = _near(kernel, KernelBuild.objects.filter(label="").only("release"))
    made: dict[int, list[Measurement]] = defaultdict(list)
    wanted = Total.objects.filter(case__in=[case.pk for case in cases], build__in=near, conclusive__gt=0)
    for case, build, *rest in wanted.order_by("pk").values_list("case_id", "build_id", *_MEASURED):
        made[case].append(Measurement(near[build], *rest))
    return made


_MEASURED = (
    *("mover", "area", "environment", "architecture", "kind"),
    *("held", "conclusive", "nr_conclusive_machines"),
)


def _near(kernel: Release, builds: Iterable[KernelBuild]) -> dict[int, str]:
    """The release of each build that matters, by the build's id."""
    read = [(build, releases.read(build.release)) for build in builds]
    upstream = {r.base for _, r in read if r.is_known and not r.vendor and r.line != kernel.line}
    below = [base for base in upstream if base <= kernel.base]
    above = [base for base in upstream if base > kernel.base]
    bases = {*sorted(below)[-NEIGHBOURS:], *sorted(above)[:NEIGHBOURS]}
    return {b.pk: b.release for b, r in read if r.line == kernel.line or (not r.vendor and r.base in bases)}


# Not every case was measured on every line: some more lines are read, and for each case its own nearest are shown.
NEIGHBOURS = 4
