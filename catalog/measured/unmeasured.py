"""A build that nothing was measured on: what can be said of it, which builds are near, and how to measure it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.measured import builds
from catalog.measured.asked import affected_views
from catalog.models import KernelBuild
from diagnosis.kernels import releases
from diagnosis.kernels.releases import Release

EACH_WAY = 2


@dataclass(frozen=True)
class Near:
    """A build that was measured. `how`: how it stands to the one that was not."""

    build: KernelBuild
    how: str


def page(request: HttpRequest, release: str, label: str, measured: list[KernelBuild]) -> HttpResponse:
    """With status 404. Raises `Http404` where the address names no kernel."""
    kernel = releases.read_uname(release)
    if kernel is None:
        raise Http404("Nothing was measured on such a kernel.")
    shown: dict[str, Any] = {
        "kernel": kernel,
        "label": label,
        "said": affected_views.said(kernel),
        "own": [one for one in measured if one.release == kernel.raw and one.label != label],
        "near": near(kernel, measured),
        "groups": [] if label else affected_views.groups(kernel, request.user),
        "site_url": settings.SITE_URL,
        "here": "kernels",
    }
    return render(request, "catalog/unmeasured.html", shown, status=404)


def near(kernel: Release, measured: Iterable[KernelBuild]) -> list[Near]:
    """Plain builds of its line, up to EACH_WAY on either side; where there are none, the newest of the lines beside it.

    A vendor's lines stand beside its own alone, and then beside upstream's of the same version.
    """
    read = sorted(((releases.read(b.release), b) for b in measured if not b.label), key=lambda pair: pair[0].order)
    line = [(r, b) for r, b in read if r.line == kernel.line and b.release != kernel.raw]
    if line or any(b.release == kernel.raw for _, b in read):
        return [Near(b, _in_line(kernel, r)) for r, b in _around(kernel, line, EACH_WAY)]
    newest = [(releases.read(b.release), b) for b in builds.newest(b for _, b in read).values()]
    beside = [(r, b) for r, b in newest if r.vendor.rstrip("0123456789") == kernel.vendor.rstrip("0123456789")]
    beside = sorted(beside, key=lambda pair: pair[0].order)
    if kernel.vendor:
        beside += [(r, b) for r, b in newest if not r.vendor and r.base == kernel.base]
    return [Near(b, f"the newest of line {r.line}") for r, b in _around(kernel, beside, 1)]


def _around(
    kernel: Release, sorted_: list[tuple[Release, KernelBuild]], each: int
) -> list[tuple[Release, KernelBuild]]:
    sides = {side: list(pairs) for side, pairs in groupby(sorted_, key=lambda pair: pair[0].order >= kernel.order)}
    return sides.get(False, [])[-each:] + sides.get(True, [])[:each]


def _in_line(kernel: Release, other: Release) -> str:
    before = releases.compare(kernel, other)
    said = {-1: "newer", 0: "of the same version", 1: "older"}
    return said[before] if before is not None else "of the same line; which is newer, their names do not tell"
