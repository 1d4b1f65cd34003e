"""Editing the text of a case or strategy on the site: errors beside it, preview, what is kept for later, conflicts.

Every form names the revision that its author started from. Where another was saved meanwhile nothing is overwritten:
the answer is 409, both changes as diffs, and the two merged, to be looked at and saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone

from catalog.documents.line_diff import Diff, diff
from catalog.documents.merge import Merged, merge, open_marks
from catalog.documents.parser import MAX_CHARACTERS, Malformed, Problem, parse
from catalog.models import Case, Document, Revision, Strategy, Unsaved
from catalog.models.text import Origin
from catalog.pages import documents
from catalog.revisions import name_claims, review, store, unendorsed
from people.access.person import signed_in

# A text of nothing but empty lines would have 200,000 numbers beside it, and cost seconds each time it is shown.
MOST_NUMBERED_LINES = 5_000


class TextForm(forms.Form):
    text = forms.CharField(
        strip=False,
        max_length=2 * MAX_CHARACTERS,  # the parser has its own bound, and says it with a line
        widget=forms.Textarea(attrs={"wrap": "off", "spellcheck": "false", "autocapitalize": "off"}),
    )
    base = forms.IntegerField(min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)
    note = forms.CharField(
        label="What you changed, and why", max_length=200, required=False, help_text="One line, for the history."
    )

    @classmethod
    def sent(cls, given: QueryDict) -> TextForm:
        """Browsers send CRLF, whatever the text had."""
        return cls({**given.dict(), "text": given.get("text", "").replace("\r\n", "\n")})


@dataclass(frozen=True)
class Clash:
    """Two who changed the same revision: what each did, and whether both changes fit together."""

    current: Revision
    theirs: Diff
    yours: Diff
    merged: Merged

    @property
    def text(self) -> str:
        who = self.current.author.shown_name if self.current.author else "a file"
        return self.merged.text("yours", f"revision {self.current.n} by {who}")


@dataclass(frozen=True)
class Kept:
    """The form's fields as a preview carries them along, and where it sends them."""

    address: str
    kept: list[tuple[str, Any]]


@login_required
def edit(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    document = find(request, kind, slug)
    if not review.may_edit(request.user, document):
        renamed = name_claims.renamed_of(slug, request.user) if kind == "case" else None
        if renamed is None:
            raise PermissionDenied("Your role may not edit this. Comment on it, or send a patch.")
        document = renamed
    if request.method != "POST":
        return _shown(request, document, TextForm(initial=_start(request, document)))
    if request.POST.get("act") == "discard":
        document.unsaved.filter(author=signed_in(request)).delete()
        messages.success(request, "What you had kept is gone.")
        return redirect(document)
    form = TextForm.sent(request.POST)
    if not form.is_valid():
        return _shown(request, document, form, status=422)
    act = ACTS.get(request.POST.get("act", ""), _again)
    return act(request, document, form)


def find(request: HttpRequest, kind: str, slug: str) -> Document:
    visible = Document.objects.visible_to(request.user).select_related("current__author")
    document = visible.filter(kind=kind, slug=slug, current__isnull=False).first()
    if document is None:
        raise Http404(f"There is no such {kind}.")
    return document


def _start(request: HttpRequest, document: Document) -> dict[str, Any]:
    """The text to begin with: an older one that is asked for, what this person kept, or the current one."""
    current = _current(document)
    if (given := request.GET.get("from", "")).isascii() and given.isdigit() and len(given) < 10:
        older = Revision.objects.visible_to(request.user).filter(document=document, n=int(given)).first()
        if older is None:
            raise Http404("There is no such revision.")
        return {"text": older.text, "base": current.n, "note": f"Back to revision {older.n}"}
    if kept := document.unsaved.filter(author=signed_in(request)).first():
        return {"text": kept.text, "base": kept.base}
    return {"text": current.text, "base": current.n}


def _current(document: Document) -> Revision:
    assert document.current is not None
    return document.current


def _problems(document: Document, text: str, user: Any) -> list[Problem]:
    try:
        parsed = parse(text)
    except Malformed as error:
        return error.problems
    try:
        store.same_name(parsed, document)
        unendorsed.check(document, text, user)
    except Malformed as error:
        return error.problems
    return open_marks(text)


def _again(request: HttpRequest, document: Document, form: TextForm) -> HttpResponse:
    return _shown(request, document, form, _problems(document, form.cleaned_data["text"], request.user))


def _check(request: HttpRequest, document: Document, form: TextForm) -> HttpResponse:
    found = _problems(document, form.cleaned_data["text"], request.user)
    return JsonResponse({"problems": [{"line": p.line, "field": p.field, "message": p.message} for p in found]})


def _preview(request: HttpRequest, document: Document, form: TextForm) -> HttpResponse:
    text = form.cleaned_data["text"]
    if problems := _problems(document, text, request.user):
        return _shown(request, document, form, problems, status=422)
    kept = [(name, form.cleaned_data[name]) for name in form.fields]
    preview = documents.Preview(text, Kept(f"{document.get_absolute_url()}edit/", kept))
    if document.kind == "case":
        return documents.show_case(
            request, Case.objects.for_page().get(pk=document.pk), _current(document), preview=preview
        )
    found = Strategy.objects.for_page().get(pk=document.pk)
    return documents.show_strategy(request, found, _current(document), preview=preview)


def _keep(request: HttpRequest, document: Document, form: TextForm) -> HttpResponse:
    """Keeps a text that need not be whole yet, for its author and for who may see drafts."""
    Unsaved.objects.update_or_create(
        document=document,
        author=signed_in(request),
        defaults={"text": form.cleaned_data["text"], "base": form.cleaned_data["base"], "kept_at": timezone.now()},
    )
    messages.success(request, "Kept. Nobody but editors sees it until you save it.")
    return redirect(f"{document.get_absolute_url()}edit/")


def _save(request: HttpRequest, document: Document, form: TextForm) -> HttpResponse:
    given = form.cleaned_data
    if problems := _problems(document, given["text"], request.user):
        return _shown(request, document, form, problems, status=422)
    person = signed_in(request)
    who = {"origin": Origin.SITE, "author": person, "note": given["note"]}
    try:
        saved = store.save(given["text"], base=given["base"], of=document, **who)
    except Malformed as error:
        return _shown(request, document, form, error.problems, status=422)
    except store.Conflict as error:
        return _clash(request, document, form, error.current)
    document.unsaved.filter(author=person).delete()
    messages.success(request, f"Saved as revision {saved.n}.")
    return redirect(document)


def _clash(request: HttpRequest, document: Document, form: TextForm, current: Revision) -> HttpResponse:
    given = form.cleaned_data
    base = document.revisions.filter(n=given["base"]).first()
    if base is None:
        form.add_error(None, f"There is no revision {given['base']} to start from. The current one is {current.n}.")
        return _shown(request, document, form, status=422)
    merged = merge(base.text, given["text"], current.text)
    clash = Clash(current, diff(base.text, current.text), diff(base.text, given["text"]), merged)
    again = TextForm(initial={"text": clash.text, "base": current.n, "note": given["note"]})
    return _shown(request, document, again, _problems(document, clash.text, request.user), clash, status=409)


ACTS = {"check": _check, "preview": _preview, "keep": _keep, "save": _save}


def _shown(
    request: HttpRequest,
    document: Document,
    form: TextForm,
    problems: list[Problem] | None = None,
    clash: Clash | None = None,
    status: int = 200,
) -> HttpResponse:
    text = str(form["text"].value() or "")
    lines = text.split("\n")
    bad = {problem.line for problem in problems or ()}
    form.fields["text"].widget.attrs["rows"] = min(len(lines), MOST_NUMBERED_LINES) + 1
    unsaved = Unsaved.objects.visible_to(request.user).filter(document=document)
    kept = list(unsaved.select_related("author").order_by("-kept_at"))
    page = {
        "document": document,
        "form": form,
        "numbers": [(n, n in bad) for n in range(1, len(lines) + 1)] if len(lines) <= MOST_NUMBERED_LINES else [],
        "problems": [
            (problem, lines[problem.line - 1] if problem.line <= len(lines) else "") for problem in problems or ()
        ],
        "clash": clash,
        "mine": next((one for one in kept if one.author_id == request.user.pk), None),
        "others": [one for one in kept if one.author_id != request.user.pk],
        "from": request.GET.get("from", ""),
        "here": "cases" if document.kind == "case" else "strategies",
    }
    return render(request, "catalog/edit.html", page, status=status)
