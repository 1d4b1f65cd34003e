"""Recording an objection and its answer, moving a strategy's state, and taking it on: forms on pages of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from catalog.documents.current import strategy_text
from catalog.documents.parser import Malformed
from catalog.documents.schema import StrategyText
from catalog.models import Document, Strategy
from catalog.revisions import steering
from discussion.comments import excerpt, threads
from discussion.mail import letters
from discussion.models import Comment
from discussion.steering.forms import MoveForm, SaidForm
from people.access.person import signed_in
from people.models import User, may


def _known(request: HttpRequest) -> User:
    """What is written into a strategy waits for nobody, so that it takes somebody whose comments do not either."""
    person = signed_in(request)
    if not threads.is_known(person):
        raise PermissionDenied("Comment first: this opens once a moderator has let your first comment through.")
    return person


def _strategy(request: HttpRequest, slug: str) -> tuple[Document, StrategyText]:
    found = get_object_or_404(Strategy.objects.visible_to(request.user).for_page(), slug=slug)
    text = strategy_text(found.document)
    if text is None:
        raise Http404("This release cannot read its text, and so cannot change it.")
    return found.document, text


@require_http_methods(["GET", "POST"])
@login_required
def object_(request: HttpRequest, slug: str) -> HttpResponse:
    """Anybody who may comment records an objection: their own, or one from a comment or a mail, with its place."""
    document, text = _strategy(request, slug)
    return _said(request, document, text, "Record an objection", None, _record)


@require_http_methods(["GET", "POST"])
@login_required
def answer(request: HttpRequest, slug: str, objection: str) -> HttpResponse:
    document, text = _strategy(request, slug)
    asked = next((o for o in text.objections if o.id == objection), None)
    if asked is None:
        raise Http404("There is no such objection.")
    return _said(request, document, text, "Record the answer", asked, _answer)


def _record(document: Document, by: User, form: SaidForm, _: Any) -> None:
    data = form.cleaned_data
    steering.record_objection(document, by, data["text"], data["whose"], data["source"])


def _answer(document: Document, by: User, form: SaidForm, asked: Any) -> None:
    steering.answer_objection(document, by, asked.id, form.cleaned_data["text"], form.cleaned_data["source"])


def _said(
    request: HttpRequest, document: Document, text: StrategyText, title: str, asked: Any, do: Callable[..., None]
) -> HttpResponse:
    if not may(request.user, "comment"):
        raise PermissionDenied("Your role may read, not object.")
    person = _known(request)
    comment = _comment(request, document)
    form = SaidForm(request.POST or None, initial=_from_elsewhere(request, comment), is_answer=asked is not None)
    if request.method == "POST" and form.is_valid() and _done(form, do, document, person, form, asked):
        return redirect(document.get_absolute_url() + "#objections")
    page = {"form": form, "document": document, "text": text, "title": title, "asked": asked, "here": "strategies"}
    page |= {"comment": comment, "is_part": comment is not None and form.initial["text"] != comment.text.strip()}
    return render(request, "discussion/said.html", page, status=422 if form.errors else 200)


def _comment(request: HttpRequest, document: Document) -> Comment | None:
    """The one that `?comment=` names, where this reader may have its words."""
    number = request.GET.get("comment", "")
    if not (number.isascii() and number.isdigit() and len(number) < 18):
        return None
    found = Comment.objects.visible_to(request.user).about(document).filter(pk=number).select_related("author").first()
    return found if found is not None and found.readable_by(request.user) else None


def _from_elsewhere(request: HttpRequest, comment: Comment | None) -> dict[str, Any]:
    """What a comment or `?message=` brings along: the words (of a comment `?words=`), whose, and where they stand."""
    if comment is None:
        return {"source": letters.message_id(request.GET.get("message", "")[:600])}
    words = excerpt.taken(comment.text, request.GET.get("words", ""))[: SaidForm.MAX_CHARACTERS]
    return {"text": words, "whose": comment.author.shown_name, "source": comment.permalink}


@require_http_methods(["GET", "POST"])
@login_required
def move(request: HttpRequest, slug: str) -> HttpResponse:
    document, text = _strategy(request, slug)
    if not steering.may_move(request.user, document):
        raise PermissionDenied("Its state is moved by who proposed it, and by editors.")
    person = signed_in(request)
    form = MoveForm(request.POST or None, initial={"state": text.state.state, "version": text.state.version})
    if request.method == "POST" and form.is_valid() and _done(form, _move, document, person, form):
        return redirect(document.get_absolute_url())
    page = {"form": form, "document": document, "text": text, "here": "strategies"}
    return render(request, "discussion/move.html", page, status=422 if form.errors else 200)


def _move(document: Document, by: User, form: MoveForm) -> None:
    steering.move(document, by, form.step())


@require_POST
@login_required
def drive(request: HttpRequest, slug: str) -> HttpResponse:
    """Taking on what nobody drives; editors may take over."""
    document, text = _strategy(request, slug)
    free = not text.driver and may(request.user, "propose")
    if not (free or steering.may_move(request.user, document)):
        raise PermissionDenied("Somebody drives it already.")
    person = _known(request)
    steering.drive(document, person)
    messages.success(request, "You drive it now.")
    return redirect(document.get_absolute_url())


def _done(form: Form, do: Callable[..., None], *given: Any) -> bool:
    try:
        do(*given)
    except (steering.CannotBeDone, Malformed) as error:
        form.add_error(None, str(error))
        return False
    return True
