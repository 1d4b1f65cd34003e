"""The discussion below a case or strategy, and saying something there."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from catalog.models import Document
from catalog.parts import Part
from discussion import threads
from discussion.forms import CommentForm
from discussion.models import Comment
from people.models import User, may


@dataclass(frozen=True)
class Shown:
    document: Document
    trees: list[threads.Node]
    number: int
    form: CommentForm | None
    may_comment: bool


def discussion_part(request: HttpRequest, document: Document) -> Part:
    """For catalog.parts: the trees below a document, with a form where this person may use it."""
    comments = list(Comment.objects.visible_to(request.user).about(document).in_order())
    allowed = may(request.user, "comment")
    form = CommentForm(document, auto_id=False) if allowed else None
    return Part("discussion/thread.html", Shown(document, threads.trees(comments), len(comments), form, allowed))


@require_http_methods(["GET", "POST"])
@login_required
def say(request: HttpRequest, document: int) -> HttpResponse:
    about = get_object_or_404(Document.objects.visible_to(request.user), pk=document)
    if request.method == "GET":  # as after signing in, when the comment itself was not sent along
        return redirect(about.get_absolute_url() + "#discussion")
    if not may(request.user, "comment"):
        raise PermissionDenied("Your role may read, not comment.")
    form = CommentForm(about, request.POST)
    if not form.is_valid():
        return render(request, "discussion/again.html", {"form": form, "document": about}, status=422)
    assert isinstance(request.user, User)
    comment = threads.say(about, request.user, form.cleaned_data["text"], form.cleaned_data["parent"])
    return redirect(comment.get_absolute_url())
