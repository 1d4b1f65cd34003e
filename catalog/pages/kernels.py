"""Kernels in the browser: cases by line of kernels, every build, and one build."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.measured import builds, overview, unmeasured
from catalog.measured.drawings import lifelines
from catalog.measured.overview import Summary
from catalog.models import Case, KernelBuild, Total
from catalog.pages import exports
from catalog.text import export_formats
from diagnosis.kernels import releases
from rest import parameters


def kernels(request: HttpRequest) -> HttpResponse:
    """Every case over kernel releases, `?mover=` at a time, and every build that something was measured on."""
    parameters.demand_known(request, "mover", "format", every=())
    known = builds.known(request.user)
    life = _lifelines(request)
    if made := export_formats.answer(request, lambda: _exported(request, known, life)):
        return made
    page = {"life": life, "builds": known, "lines": builds.lines(known), "here": "kernels"}
    return render(request, "catalog/kernels.html", page)


def _lifelines(request: HttpRequest) -> lifelines.Lifelines:
    mover = request.GET.get("mover", "")
    cases = Case.objects.visible_to(request.user).filter(kind="case").for_drawing()
    life = lifelines.lifelines(cases, mover)
    if mover and mover not in (movers := [one.slug for one in life.movers]):
        raise parameters.Wrong(f"mover: expected one of {', '.join(movers) or 'none yet'}, found {mover[:40]!r}.")
    return life


def _exported(request: HttpRequest, known: list[builds.Build], life: lifelines.Lifelines) -> export_formats.Export:
    """Every mover on every line, vendors' as well, whatever is drawn."""
    lines = builds.lines(known)
    marks = builds.matrix(request.user, known)
    cases = Case.objects.visible_to(request.user).filter(pk__in=marks).order_by("slug")
    table = [(case, [(line, marks[case.pk].get(line.name, [])) for line in lines]) for case in cases]
    return exports.kernels(table, request.path, {"charts": {"lifelines": life.as_json()}})


def kernel(request: HttpRequest, release: str) -> HttpResponse:
    """One build, by its release and `?label=`; of one that was not measured, what is known all the same."""
    parameters.demand_known(request, "label", every=())
    label = request.GET.get("label", "").replace("\x00", "")
    visible = list(KernelBuild.objects.visible_to(request.user))
    release = release.replace("\x00", "")
    wanted = (release, label), (releases.identity(release), label)
    build = next((one for name in wanted for one in visible if (one.release, one.label) == name), None)
    if build is None:
        return unmeasured.page(request, release, label, visible)
    rows = overview.summarised(Total.objects.visible_to(request.user).filter(build=build).select_related("build"))
    cases = {case.pk: case for case in Case.objects.filter(pk__in={row.case_id for row in rows})}
    rows.sort(key=lambda row: (row.architecture, row.environment.slug, cases[row.case_id].slug))
    read = releases.read(build.release)
    page = {
        "build": build,
        "read": read,
        "groups": _by_place(rows, cases),
        "last_seen_at": max(row.last_seen_at for row in rows),
        "newer": _newer(build, visible),
        "others": _others(build, visible),
        "here": "kernels",
    }
    return render(request, "catalog/kernel.html", page)


def _by_place(rows: list[Summary], cases: dict[int, Case]) -> list[tuple[Summary, list[tuple[Case, list[Summary]]]]]:
    """By architecture and environment (a row that has them stands for them), then by case; movers in order."""
    made: list[tuple[Summary, list[tuple[Case, list[Summary]]]]] = []
    for row in sorted(rows, key=lambda r: (r.architecture, r.environment.slug, cases[r.case_id].slug, r.mover.slug)):
        place = made[-1][0] if made else None
        if place is None or (place.architecture, place.environment) != (row.architecture, row.environment):
            made.append((row, []))
        groups = made[-1][1]
        if not groups or groups[-1][0].pk != row.case_id:
            groups.append((cases[row.case_id], []))
        groups[-1][1].append(row)
    return made


def _newer(build: KernelBuild, visible: list[KernelBuild]) -> KernelBuild | None:
    read = releases.read(build.release)
    other = builds.newest(visible).get(read.line)
    return other if other and releases.compare(read, releases.read(other.release)) == -1 else None


def _others(build: KernelBuild, visible: list[KernelBuild]) -> list[KernelBuild]:
    """What one would compare it with: its own base or candidates, then its neighbours in the line."""
    line = releases.read(build.release).line
    own = [b for b in visible if b.release == build.release and b.pk != build.pk]
    near = [b for b in visible if not b.label and b.release != build.release and releases.read(b.release).line == line]
    near.sort(key=lambda b: releases.read(b.release).order, reverse=True)
    return own + near[:4]
