"""One's own account: profile, what one follows, taking one's data along, leaving; and what maintainers do to others."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from discussion.accounts import activity, leaving
from mailing.follows import following
from mailing.models import Trouble
from people.access.person import demand, signed_in
from people.accounts.forms import LeaveForm, ProfileForm, WhyForm
from people.models import User, may


@require_http_methods(["GET", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    user = User.objects.get(pk=signed_in(request).pk)  # a copy: a form that is refused has written into it
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Profile saved.")
        return redirect("profile")
    page = {
        "form": form,
        "addresses": EmailAddress.objects.filter(user=user).order_by("-primary", "email"),
        "factors": Authenticator.objects.filter(user=user).exclude(type="recovery_codes"),
        "machines": user.machines.prefetch_related("tokens").order_by("name"),
        "nr_followed": following.all_of(user).count(),
        "trouble": Trouble.objects.filter(user=user, paused_at__isnull=False).first(),
        "may_manage": may(user, "manage machines"),
        "done": activity.activity(user, request.user)[:10],
        "providers": settings.SIGNING.providers,
        "may_moderate": may(user, "moderate"),
        "here": "account",
    }
    return render(request, "people/profile.html", page, status=422 if form.errors else 200)


@require_GET
@login_required
def export(request: HttpRequest) -> HttpResponse:
    person = signed_in(request)
    answer = JsonResponse(leaving.data_of(person), json_dumps_params={"indent": 1, "ensure_ascii": False})
    answer["Content-Disposition"] = f'attachment; filename="unmigratable-{person.pk}.json"'
    return answer


@require_http_methods(["GET", "POST"])
@login_required
def leave(request: HttpRequest) -> HttpResponse:
    person = signed_in(request)
    form = LeaveForm(person, request.POST or None)
    if request.method == "POST" and form.is_valid():
        leaving.leave(person, form.cleaned_data["words"])
        logout(request)
        messages.success(request, "Account deleted.")
        return redirect("cases")
    return render(request, "people/leave.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@login_required
def ban(request: HttpRequest, name: str) -> HttpResponse:
    maintainer = demand(request, "ban", "Maintainers ban people.")
    person = get_object_or_404(User, username=name.replace("\x00", ""))
    if person == maintainer:
        raise PermissionDenied("You cannot ban yourself.")
    if request.POST.get("banned") == "no":
        leaving.readmit(person, maintainer)
        return redirect("person", name)
    form = WhyForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Give the reason: it is written in the journal.")
        return redirect("person", name)
    leaving.ban(person, maintainer, form.cleaned_data["why"])
    return redirect("person", name)
