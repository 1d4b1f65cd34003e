"""Kernels in the browser: the matrix of builds by case, and one build."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from catalog import measured
from catalog.models import Case, KernelBuild, Tally


def kernels(request: HttpRequest) -> HttpResponse:
    """Cases down, kernels across: there are many of the former, and a reader looks for one."""
    columns = measured.kernels(Tally.objects.visible_to(request.user).select_related("build"))
    cases = Case.objects.filter(pk__in={pk for column in columns for pk in column.by_case}).order_by("slug")
    table = [(case, [column.by_case.get(case.pk, []) for column in columns]) for case in cases]
    return render(request, "catalog/kernels.html", {"table": table, "columns": columns, "here": "kernels"})


def kernel(request: HttpRequest, release: str) -> HttpResponse:
    """One build, by its release and `?label=`."""
    label = request.GET.get("label", "").replace("\x00", "")
    build = KernelBuild.objects.filter(release=release.replace("\x00", ""), label=label).first()
    rows = measured.kernels(Tally.objects.visible_to(request.user).filter(build=build).select_related("build"))
    if build is None or not rows:
        raise Http404("Nothing was measured on such a kernel.")
    cases = {case.pk: case for case in Case.objects.filter(pk__in={pk for row in rows for pk in row.by_case})}
    groups = [
        (row, [(cases[pk], row.by_case[pk]) for pk in sorted(row.by_case, key=lambda pk: cases[pk].slug)])
        for row in rows
    ]
    page = {"build": build, "line": rows[0].line, "groups": groups, "here": "kernels"}
    return render(request, "catalog/kernel.html", page)
