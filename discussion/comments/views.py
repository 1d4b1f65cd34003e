"""The discussion below a case or strategy, and saying, changing and resolving something there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from catalog.models import Document
from catalog.pages.sections import Part
from catalog.text.mentions import Mentions
from discussion.comments import threads
from discussion.comments.forms import CommentForm, EditForm
from discussion.mail import display
from discussion.mail.diffs import coloured, difference
from discussion.models import Comment, Lock, Visibility
from discussion.models.comments import CommentQuerySet
from people.access.person import demand, signed_in
from people.models import may

TEXTS_SHOWN = 20
COMMENTS_SHOWN = 200


@dataclass(frozen=True)
class Shown:
    document: Document
    trees: list[threads.Node]
    number: int
    may_comment: bool
    may_moderate: bool
    reader: Any
    lock: Lock | None
    lock_why: SafeString | None
    mail: display.OnTheList
    may_import: bool
    earlier: int | None
    """What the page before ends with; None where this one has the first comment."""
    is_earlier: bool


def discussion_part(request: HttpRequest, document: Document) -> Part:
    """For catalog.pages.sections: the trees below a document, with a form where this person may use it."""
    user = request.user
    comments, more = _a_page(Comment.objects.visible_to(user).about(document), request.GET.get("before", ""))
    lock = Lock.objects.filter(document=document).select_related("by").first()
    allowed = may(user, "comment") and (lock is None or may(user, "moderate"))
    trees = threads.trees(comments)
    mentions = give_words(trees, comments, user, [lock.why] if lock else [])
    shown = Shown(
        document,
        trees,
        len(comments),
        allowed,
        may(user, "moderate"),
        user,
        lock,
        mentions.html(lock.why) if lock else None,
        display.on_the_list(document, user),
        may(user, "import mail"),
        comments[0].pk if more else None,
        "before" in request.GET,
    )
    return Part("discussion/thread.html", shown)


def _a_page(comments: CommentQuerySet, before: str) -> tuple[list[Comment], bool]:
    """The latest comments, or the latest before one, in order; and whether there are more before them. One query.

    A reply whose parent is on an earlier page stands at the top.
    """
    if before.isascii() and before.isdigit() and len(before) < 19:
        comments = comments.filter(pk__lt=int(before))
    latest = list(comments.in_order().reverse()[: COMMENTS_SHOWN + 1])
    return latest[:COMMENTS_SHOWN][::-1], len(latest) > COMMENTS_SHOWN


def give_words(trees: Iterable[threads.Node], comments: list[Comment], user: Any, also: Iterable[str] = ()) -> Mentions:
    """Puts the HTML of each comment that `user` may read into its node. Returns what they mention, and `also` does."""
    mentions = Mentions([*(c.text for c in comments if c.readable_by(user)), *also], user)
    waiting = list(trees)
    while waiting:
        node = waiting.pop()
        waiting += node.replies
        if node.comment.readable_by(user):
            node.body = mentions.html(node.comment.text)
    return mentions


@require_http_methods(["GET", "POST"])
@login_required
def say(request: HttpRequest, document: int) -> HttpResponse:
    """The form on a page of its own: to quote somebody, to preview, to mend what was refused."""
    about = get_object_or_404(Document.objects.visible_to(request.user), pk=document)
    person = demand(request, "comment", "Your role may read, not comment.")
    if request.method == "GET":
        quoted = _quoted(request, about)
        return _compose(request, about, CommentForm(about, person, initial=quoted), quoted.get("parent"))
    form = CommentForm(about, person, request.POST)
    is_whole = form.is_valid()
    parent = form.cleaned_data.get("parent")
    if not is_whole or "preview" in request.POST:
        return _compose(request, about, form, parent)
    try:
        comment = threads.say(about, person, form.cleaned_data["text"], parent)
    except threads.CannotBeSaid as refused:
        form.add_error(None, str(refused))
        return _compose(request, about, form, parent, 429 if isinstance(refused, threads.TooMany) else 409)
    return redirect(comment.get_absolute_url())


def _quoted(request: HttpRequest, about: Document) -> dict[str, Any]:
    """What `?quote=` asks for: a reply that begins with the words of that comment."""
    number = request.GET.get("quote", "")
    if not (number.isascii() and number.isdigit() and len(number) < 18):
        return {}
    found = Comment.objects.visible_to(request.user).filter(document=about, pk=number).select_related("author").first()
    if found is None or not found.readable_by(request.user):
        return {}
    lines = "".join(f"> {line}".rstrip() + "\n" for line in found.text.splitlines())
    return {"parent": found, "text": f"{found.author.shown_name} wrote:\n\n{lines}\n"[: Comment.MAX_CHARACTERS]}


def _compose(
    request: HttpRequest, about: Document, form: CommentForm, parent: Comment | None, status: int = 200
) -> HttpResponse:
    text = form.cleaned_data.get("text", "") if form.is_bound and hasattr(form, "cleaned_data") else ""
    preview = Mentions([text], request.user).html(text) if text else ""
    page = {"form": form, "document": about, "preview": preview, "parent": parent}
    if form.errors and status == 200:
        status = 422
    return render(request, "discussion/compose.html", page, status=status)


def _comment(request: HttpRequest, comment: int) -> Comment:
    return get_object_or_404(Comment.objects.visible_to(request.user).in_order(), pk=comment)


@require_GET
def permalink(request: HttpRequest, comment: int) -> HttpResponse:
    """To its place below what it is about: with the latest comments, or on the earlier page that ends with it."""
    found = _comment(request, comment)
    later = Comment.objects.visible_to(request.user).about(found.document).filter(pk__gt=found.pk)
    if later.count() < COMMENTS_SHOWN:
        return redirect(found.get_absolute_url())
    return redirect(f"{found.document.get_absolute_url()}?before={found.pk + 1}#c{found.pk}")


@require_GET
def history(request: HttpRequest, comment: int) -> HttpResponse:
    """The latest texts that a comment had, newest first, each as a diff to the one before."""
    found = _comment(request, comment)
    if not found.readable_by(request.user):
        raise PermissionDenied("A moderator hid this comment.")
    versions = [(found.nr_earlier + 1, found.edited_at or found.created_at, found.text)]
    versions += [(e.n, e.written_at, e.text) for e in found.earlier.order_by("-n")[:TEXTS_SHOWN]]
    told = [
        (n, at, text, coloured(difference(before, text)) if n > 1 else "")
        for (n, at, text), (_, _, before) in zip(versions, [*versions[1:], (0, None, "")], strict=True)
    ]
    page = {"comment": found, "versions": told[:TEXTS_SHOWN], "nr_older": max(0, versions[0][0] - TEXTS_SHOWN)}
    return render(request, "discussion/history.html", page)


@require_http_methods(["GET", "POST"])
@login_required
def edit(request: HttpRequest, comment: int) -> HttpResponse:
    found = _comment(request, comment)
    if not threads.may_edit(request.user, found):
        raise PermissionDenied("A comment is edited by who wrote it.")
    person = signed_in(request)
    form = EditForm(request.POST or None, initial={"text": found.text, "base": found.nr_earlier})
    page: dict[str, Any] = {"form": form, "comment": found}
    if request.method == "GET":
        return render(request, "discussion/edit.html", page)
    if not form.is_valid():
        return render(request, "discussion/edit.html", page, status=422)
    text = form.cleaned_data["text"]
    if "preview" in request.POST:
        return render(request, "discussion/edit.html", {**page, "preview": Mentions([text], person).html(text)})
    try:
        threads.edit(found, person, text, form.cleaned_data["base"])
    except threads.Overtaken as overtaken:
        now = overtaken.comment
        again = EditForm(initial={"text": text, "base": now.nr_earlier})
        page = {
            "form": again,
            "comment": now,
            "conflict": coloured(difference(now.text, text)),
            "refused": str(overtaken),
        }
        return render(request, "discussion/edit.html", page, status=409)
    except threads.CannotBeSaid as refused:
        form.add_error(None, str(refused))
        return render(request, "discussion/edit.html", page, status=409)
    return redirect(found.get_absolute_url())


@require_POST
@login_required
def resolve(request: HttpRequest, comment: int) -> HttpResponse:
    found = _comment(request, comment)
    if not threads.may_resolve(request.user, found) or found.visibility != Visibility.SHOWN:
        raise PermissionDenied("A thread is resolved by who began it, or by an editor.")
    person = signed_in(request)
    threads.resolve(found, person, request.POST.get("resolved") == "yes")
    return redirect(found.get_absolute_url())
