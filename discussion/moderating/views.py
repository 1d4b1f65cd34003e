"""What moderators see and do: /moderation/, and the forms below a comment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from catalog.models import Document
from catalog.text.mentions import Mentions
from discussion.comments import views
from discussion.comments.forms import WhyForm
from discussion.comments.threads import Overtaken, trees
from discussion.models import Comment, Flag, Lock, Visibility
from discussion.moderating import moderation
from people.access.person import demand
from people.models import may


@dataclass(frozen=True)
class Act:
    """One thing that is done to a comment: what it is called, who may, and whether a reason is asked for.

    `done`: what the person who did it is told. `of_text`: it is a word on the text, as it was read.
    """

    label: str
    title: str
    done: str
    action: str
    do: Callable[..., None]
    needs_why: bool = False
    of_text: bool = False


# By the last part of the address. Adding an act is adding a line here.
ACTS = {
    "flag": Act(
        *(
            "Flag the comment",
            "Flag a comment",
            "Comment flagged. A moderator will look at it.",
            "comment",
            moderation.flag,
        ),
        needs_why=True,
    ),
    "settle": Act(
        *("Dismiss the flags", "Dismiss the flags of a comment", "Flags dismissed."),
        *("moderate", moderation.settle_flags),
        of_text=True,
    ),
    "pass": Act(
        *("Publish the comment", "Publish a comment", "Comment published. Everybody can read it."),
        *("moderate", moderation.let_through),
        of_text=True,
    ),
    "hide": Act(
        *("Hide the comment", "Hide a comment", "Comment hidden. Its place and the reason are shown."),
        *("moderate", moderation.hide),
        needs_why=True,
    ),
    "show": Act("Show the comment again", "Show a comment again", "Comment shown again.", "moderate", moderation.show),
}


@require_http_methods(["GET", "POST"])
@login_required
def act(request: HttpRequest, comment: int, name: str) -> HttpResponse:
    """A form that asks for the reason, and the doing. Acts that need no reason are done by POST alone."""
    found = get_object_or_404(Comment.objects.visible_to(request.user).in_order(), pk=comment)
    what = ACTS[name]
    if not may(request.user, what.action):
        raise PermissionDenied("Your role may not do this.")
    if name == "flag" and found.author == request.user:
        raise PermissionDenied("This is your own comment: edit it.")
    if not found.readable_by(request.user):
        raise PermissionDenied("A moderator hid this comment.")
    form = WhyForm(request.POST or None)
    if request.method == "GET" or (what.needs_why and not form.is_valid()):
        body = Mentions([found.text], request.user).html(found.text)
        page = {"act": what, "comment": found, "body": body, "form": form}
        return render(request, "discussion/act.html", page, status=422 if form.errors else 200)
    more = [form.cleaned_data["why"]] if what.needs_why else [_read(request)] if what.of_text else []
    try:
        what.do(found, request.user, *more)
    except Overtaken:
        messages.error(request, "The author changed this comment since you read it. Read it again first.")
    else:
        messages.success(request, what.done)
    return redirect("moderation" if request.GET.get("from") == "queue" else found.get_absolute_url())


def _read(request: HttpRequest) -> int:
    """Which text of the comment was read; -1, which none is, where the form does not say."""
    given = request.POST.get("n", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else -1


@require_GET
@login_required
def queue(request: HttpRequest) -> HttpResponse:
    """What waits for a moderator: first comments, flags; what is hidden and locked; and who said it."""
    if not may(request.user, "moderate"):
        raise PermissionDenied("Moderators look after what is said here.")
    comments = Comment.objects.visible_to(request.user).in_order()
    flags = Flag.objects.filter(settled_at=None, comment__in=comments).select_related("by").order_by("id")[:200]
    flagged: dict[int, list[Flag]] = {}
    for flag in flags:
        flagged.setdefault(flag.comment_id, []).append(flag)
    waiting = list(comments.filter(visibility=Visibility.WAITING)[:100])
    reported = list(comments.filter(pk__in=flagged))
    hidden = list(comments.filter(visibility=Visibility.HIDDEN).order_by("-id")[:50])
    nodes = {node.comment.pk: node for node in (trees([one])[0] for one in [*waiting, *reported, *hidden])}
    views.give_words(nodes.values(), [node.comment for node in nodes.values()], request.user)
    page = {
        "waiting": [nodes[one.pk] for one in waiting],
        "reported": [(nodes[one.pk], flagged[one.pk]) for one in reported],
        "hidden": [nodes[one.pk] for one in hidden],
        "locks": Lock.objects.select_related("document", "by").order_by("-created_at")[:100],
        "may_ban": may(request.user, "ban"),
        "here": "moderation",
    }
    return render(request, "discussion/moderation.html", page)


@require_POST
@login_required
def lock(request: HttpRequest, document: int) -> HttpResponse:
    about = get_object_or_404(Document.objects.visible_to(request.user), pk=document)
    person = demand(request, "moderate", "Your role may not do this.")
    if request.POST.get("locked") == "no":
        moderation.unlock(about, person)
        return redirect(about.get_absolute_url() + "#discussion")
    form = WhyForm(request.POST)
    if not form.is_valid():
        return render(request, "discussion/act.html", {"form": form, "about": about}, status=422)
    moderation.lock(about, person, form.cleaned_data["why"])
    return redirect(about.get_absolute_url() + "#discussion")
