"""One kernel is one build, however it is spelt. What was stored under another spelling is read again (requeue.respell).

    named({("v6.15-rc7-7-g4a95bc121ccd", "")})    the id of the build 6.15.0-rc7-00007-g4a95bc121ccd, made if need be

A commit's hash, or a day of linux-next, stands for the one build whose release ends with it, where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from catalog.models import KernelBuild
from diagnosis.kernels import releases
from reports.models import Observation


def named(names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The ids of these kernel builds, by release and label, made where there are none, in one order."""
    made: dict[tuple[str, str], int] = {}
    for release, label in sorted(names):
        same = _whole(releases.identity(release), label)
        made[release, label] = KernelBuild.objects.get_or_create(release=same, label=label)[0].pk
    return made


def _whole(release: str, label: str) -> str:
    end = releases.ending(release)
    if not end:
        return release
    found = KernelBuild.objects.filter(label=label, release__endswith=end).values_list("release", flat=True)
    wholes = {one for one in found if releases.identity(one) == one}
    return wholes.pop() if len(wholes) == 1 else release


def misspelt() -> Q:
    """Reports that say something of a build that has another name today, or of an architecture by another word."""
    builds = KernelBuild.objects.values_list("pk", "release", "label")
    others = [pk for pk, release, label in builds if _whole(releases.identity(release), label) != release]
    said = Observation.objects.filter(Q(build__in=others) | Q(architecture__in=releases.OTHER_ARCHITECTURES))
    return Q(pk__in=said.values("report"))
