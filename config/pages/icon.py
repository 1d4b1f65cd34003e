"""Where browsers look for an icon of what has no page to name it: feeds, JSON, plain text."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static


def icon(request: HttpRequest) -> HttpResponse:
    return redirect(static("icon.svg"))
