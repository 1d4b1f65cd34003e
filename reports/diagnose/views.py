"""Diagnose in the browser and by curl: a text in, a verdict out. Nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from diagnosis.text.decode import decode
from diagnosis.words.vocabulary import AREAS, MANNERS, MECHANISMS, MOVERS
from reports.diagnose.reading import LINES, PLAIN
from reports.diagnose.steps import Steps
from reports.diagnose.with_catalog import Diagnosed, diagnosed
from reports.intake import decompression
from reports.intake.refusals import Refusal

MAX_TEXT_BYTES = 1 << 20
SAMPLES = Path(__file__).parents[2] / "data" / "samples"
USAGE = """Send a kernel log, a page dump, a stack or a trace; the verdict comes back. Nothing is stored.

    dmesg | curl --data-binary @- {url}/diagnose/
    curl --data-binary @/var/log/kern.log.2.gz {url}/diagnose/
    curl --data-binary @console.log '{url}/diagnose/?kernel=6.12.57%2Bdeb13-amd64'
"""


class TooLarge(Exception):
    pass


@dataclass(frozen=True)
class Given:
    """What somebody wants to know: a text, and the kernel where the text does not say it."""

    text: str
    release: str


# Nothing is changed here, so a forged request does no harm; curl has no token to bring.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def diagnose(request: HttpRequest) -> HttpResponse:
    """A page for who asks for HTML; `curl`, which asks for anything, gets plain text."""
    answer = _page(request) if "text/html" in request.headers.get("Accept", "text/html") else _plain(request)
    answer["Vary"] = "Accept, Cookie"
    return answer


def _page(request: HttpRequest) -> HttpResponse:
    page: dict[str, Any] = {"samples": samples(), "here": "diagnose", "most_bytes": MAX_TEXT_BYTES}
    try:
        given = form_given(request) if request.method == "POST" else _sample(request)
        return render(request, "reports/diagnose.html", {**page, **told(given, request.user)} if given else page)
    except TooLarge:
        return render(request, "reports/diagnose.html", {**page, "is_too_large": True}, status=413)
    except Refusal:
        return render(request, "reports/diagnose.html", {**page, "is_too_slow": True}, status=422)


def told(given: Given, user: Any) -> dict[str, Any]:
    """What the page shows of a text."""
    made = diagnosed(given.text, user, given.release, LINES)
    return {
        "given": given,
        "made": made,
        "diagnosis": made.diagnosis,
        "log": made.told.lines,
        "mechanisms": MECHANISMS,
        "words": {"manner": MANNERS, "mover": MOVERS, "area": AREAS},
    }


def form_given(request: HttpRequest) -> Given | None:
    """From the form: an uploaded file goes before the text field. Raises `TooLarge`."""
    try:
        upload, text = request.FILES.get("file"), request.POST.get("text", "")
        release = _line(request.POST.get("kernel", ""))
    except RequestDataTooBig:
        raise TooLarge from None
    if upload:
        if (upload.size or 0) > MAX_TEXT_BYTES:
            raise TooLarge
        text = _text_of(upload.read())
    if len(text.encode("utf-8", "replace")) > MAX_TEXT_BYTES:
        raise TooLarge
    return Given(text.replace("\x00", "\ufffd"), release) if text.strip() else None


def _plain(request: HttpRequest) -> HttpResponse:
    given = _sample(request)
    if request.method == "POST":
        try:
            given = _body(request)
        except TooLarge:
            return _text(f"The text is too large: up to {MAX_TEXT_BYTES} bytes.\n", 413)
    if given is None or not given.text.strip():
        return _text(USAGE.format(url=settings.SITE_URL), 200 if request.method != "POST" else 422)
    try:
        return plain(diagnosed(given.text, request.user, given.release, PLAIN))
    except Refusal as refusal:
        return _text(f"{refusal}\n", 422)


def plain(made: Diagnosed) -> HttpResponse:
    """What curl is told, of what was read as `PLAIN`."""
    return _text("\n".join([made.told.plain, *map(_steps, filter(None, (one.steps for one in made.found)))]))


def _steps(steps: Steps) -> str:
    head = f"What to do now, by the page of {steps.case.slug} ({settings.SITE_URL}{steps.address}):"
    return f"{head}\n\n{steps.plain}"


def _body(request: HttpRequest) -> Given:
    """The whole body is the text, whatever curl says of its type: by default it says a form."""
    body = request.read(MAX_TEXT_BYTES + 1)
    if len(body) > MAX_TEXT_BYTES:
        raise TooLarge
    return Given(_text_of(body), _line(request.GET.get("kernel", "")))


def _text_of(file: bytes) -> str:
    try:
        return decode(decompression.unpacked(file, MAX_TEXT_BYTES))
    except Refusal:
        raise TooLarge from None


def _sample(request: HttpRequest) -> Given | None:
    text = samples().get(request.GET.get("sample", ""))
    return Given(text, "") if text else None


@lru_cache(maxsize=1)
def samples() -> dict[str, str]:
    """Logs that the project recorded, by name, to try."""
    return {path.stem: path.read_text() for path in sorted(SAMPLES.glob("*.txt"))}


def _line(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()[:200]


def _text(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
