"""The signature of a case, for editors: change it, see what that would change in what is stored, activate it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from catalog.documents.parser import Malformed
from catalog.models import Case
from catalog.revisions import store
from people.access.person import signed_in
from people.models import may
from reports.intake.bell import bell
from reports.review import workbench

EXAMPLE = """signature:
  names: [mm.migration]
  proves:
    - marks: [frame:folio_wait_writeback, "aops:fuse_file_aops"]
      why: A mover waits for the writeback of a FUSE folio."""


def signature(request: HttpRequest, slug: str) -> HttpResponse:
    """GET shows it; POST tries it, or with `act=activate` makes it a revision."""
    if not may(request.user, "edit"):
        raise PermissionDenied("Changing a signature is for editors.")
    case = Case.objects.visible_to(request.user).select_related("document__current").filter(slug=slug).first()
    if case is None or case.document.current is None:
        raise Http404("There is no such case.")
    now = case.document.current
    page: dict[str, Any] = {"case": case, "written": workbench.block_of(now.text), "base": now.n, "here": "cases"}
    page["example"] = EXAMPLE
    if request.method == "POST":
        page["written"] = request.POST.get("block", "")[:100_000].replace("\x00", "\ufffd")
        text = workbench.with_block(now.text, page["written"])
        try:
            if request.POST.get("act") == "activate":
                return _activated(request, case, text)
            page["trial"] = workbench.trial(case, text)
        except Malformed as error:
            page["problems"] = workbench.told(error.problems, now.text, page["written"])
        except store.Conflict as error:
            messages.error(request, f"{error}. This is its signature now; yours stands below it.")
            page["other"] = workbench.block_of(error.current.text)
    page["waiting"] = workbench.being_read_again()
    return render(request, "reports/signature.html", page, status=422 if "problems" in page else 200)


def _activated(request: HttpRequest, case: Case, text: str) -> HttpResponse:
    person = signed_in(request)
    base = request.POST.get("base", "")
    nr = workbench.activate(
        case, text, int(base) if base.isascii() and base.isdigit() and len(base) < 10 else 0, person
    )
    bell.ring()
    messages.success(
        request,
        f"Signature activated. {nr} reports are being read again." if nr else "Signature activated. No report changes.",
    )
    return redirect("signature", case.slug)
