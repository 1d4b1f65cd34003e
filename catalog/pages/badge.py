"""A case in a few words, for somebody else's page: is this kernel affected, or without one, how the case stands.

As a picture, and as the JSON that shields.io draws its own from.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from catalog.measured.asked.affected import judge
from catalog.measured.asked.affected_views import EXPECTED
from catalog.models import Case
from catalog.models.cases import OPEN
from diagnosis.kernels import releases
from diagnosis.kernels.affected import AFFECTED, NOT_AFFECTED, UNKNOWN
from rest import parameters

CHARACTER_WIDTH, PADDING, MOST_CHARACTERS = 7, 12, 60
LATER = {"Cache-Control": "public, max-age=300"}
WORDS = {AFFECTED: "affected", NOT_AFFECTED: "not affected", UNKNOWN: "unknown"}
# Dark enough for white text (WCAG AA); the words say it too.
COLOURS = {AFFECTED: "#b42318", NOT_AFFECTED: "#1a7f37", UNKNOWN: "#59636e"}


@dataclass(frozen=True)
class Badge:
    label: str
    message: str
    colour: str

    @property
    def label_width(self) -> int:
        return len(self.label) * CHARACTER_WIDTH + PADDING

    @property
    def message_width(self) -> int:
        return len(self.message) * CHARACTER_WIDTH + PADDING

    @property
    def width(self) -> int:
        return self.label_width + self.message_width

    @property
    def label_at(self) -> float:
        return self.label_width / 2

    @property
    def message_at(self) -> float:
        return self.label_width + self.message_width / 2


def picture(request: HttpRequest, slug: str) -> HttpResponse:
    page = {"badge": _badge(request, slug)}
    answer = render(request, "catalog/badge.svg", page, content_type="image/svg+xml; charset=utf-8")
    return _kept_a_while(answer)


def shields(request: HttpRequest, slug: str) -> HttpResponse:
    """https://shields.io/badges/endpoint-badge"""
    badge = _badge(request, slug)
    told = {"schemaVersion": 1, "label": badge.label, "message": badge.message, "color": badge.colour}
    return _kept_a_while(JsonResponse(told))


def _kept_a_while(answer: HttpResponse) -> HttpResponse:
    for name, value in LATER.items():
        answer[name] = value
    return answer


def _badge(request: HttpRequest, slug: str) -> Badge:
    """Of what everybody sees, whoever asks: the picture is kept on the way."""
    parameters.demand_known(request, "kernel", every=())
    case = Case.objects.visible_to(None).for_page().named(slug)
    if case is None:
        raise Http404("There is no such case.")
    if "kernel" not in request.GET:
        colour = COLOURS[AFFECTED if case.status in OPEN else UNKNOWN]
        return Badge(case.slug, case.status_word.label.lower(), colour)
    given = request.GET["kernel"].replace(" ", "+")[:500]
    kernel = releases.read_uname(given)
    if kernel is None:
        raise parameters.Wrong(f"{EXPECTED}.")
    (judged,) = judge(kernel, [case])
    verdict = judged.answer.verdict
    return Badge(case.slug, f"{kernel.raw[:MOST_CHARACTERS]}: {WORDS[verdict]}", COLOURS[verdict])
