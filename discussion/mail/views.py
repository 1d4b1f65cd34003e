"""Imported mail in the browser: one thread, and the editors' form that imports."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models.functions import Length
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from catalog.models import Document
from discussion.mail import addresses, archive, display, fetcher, importer, letters
from discussion.mail.forms import ImportForm
from discussion.models import MailThread, Message, Trailer
from mailing.letters import of_document
from people.access.person import demand
from people.models import User, may
from rest.messages import ring

PER_PAGE = 50
MOST_CHARACTERS = 400_000  # of the letters of a page, but for its first: fifty that are as long as may be are 10 MB


@dataclass(frozen=True)
class Letter:
    place: display.InThread
    subject: str
    who: str
    recipients: str
    blocks: list[display.Block]
    trailers: list[display.ShownTrailer]
    reply: str
    archived: str


@require_GET
def thread(request: HttpRequest, message_id: str) -> HttpResponse:
    """The thread that a Message-ID is in, from its beginning; a letter further down leads to its page and place."""
    named = Message.objects.filter(message_id=message_id.replace("\x00", "")).select_related("thread").first()
    if named is None:
        raise Http404("This mail was not imported.")
    found = named.thread
    places = display.in_tree(found.messages.without_text().annotate(length=Length("text")))
    starts = _starts(places)
    index = next(n for n, place in enumerate(places) if place.message.pk == named.pk)
    if named.message_id != found.root_id:
        return redirect(_address(found, _page_of(index, starts), named))
    page = _page(request, len(starts))
    stranger = not isinstance(request.user, User)
    about = list(Document.objects.visible_to(request.user).filter(mail_threads=found).order_by("kind", "slug"))
    shown = {
        "thread": found,
        "index": [
            (
                place,
                _address(found, _page_of(n, starts), place.message),
                display.author(place.message, stranger),
                subject,
            )
            for n, (place, subject) in enumerate(zip(places, display.subjects(places, ""), strict=True))
        ],
        "letters": _letters(places[slice(*[*starts, len(places)][page : page + 2])], found.subject, stranger),
        "about": about,
        "page": page + 1,
        "pages": range(1, len(starts) + 1),
        "archived": display.archived(found.root_id),
        "may_import": may(request.user, "import mail"),
        "stranger": stranger,
        "here": _here(about),
    }
    return render(request, "discussion/mail_thread.html", shown)


def _starts(places: list[display.InThread]) -> list[int]:
    """The index of the first letter of each page."""
    starts, size = [0], 0
    for n, place in enumerate(places):
        length = getattr(place.message, "length", 0)
        size += length
        if n - starts[-1] == PER_PAGE or (size > MOST_CHARACTERS and n > starts[-1]):
            starts.append(n)
            size = length
    return starts


def _page_of(index: int, starts: list[int]) -> int:
    return bisect_right(starts, index) - 1


def _address(found: MailThread, page: int, message: Message) -> str:
    query = f"?page={page + 1}" if page else ""
    return f"{found.get_absolute_url()}{query}#m{message.pk}"


def _page(request: HttpRequest, nr_pages: int) -> int:
    given = request.GET.get("page", "1")
    if not (given.isascii() and given.isdigit() and len(given) < 6 and 0 < int(given) <= nr_pages):
        raise Http404("There is no such page.")
    return int(given) - 1


def _letters(places: list[display.InThread], heading: str, stranger: bool) -> list[Letter]:
    wanted = [place.message.pk for place in places]
    texts = dict(Message.objects.filter(pk__in=wanted).values_list("pk", "text"))
    given: dict[int, list[Trailer]] = {}
    for trailer in Trailer.objects.filter(message__in=wanted).order_by("pk"):
        given.setdefault(trailer.message_id, []).append(trailer)
    made = []
    for place, subject in zip(places, display.subjects(places, heading), strict=True):
        m = place.message
        hide = addresses.half_hidden if stranger else str
        made.append(
            Letter(
                place,
                subject,
                display.author(m, stranger),
                ", ".join(hide(one) for one in m.recipients),
                display.blocks(texts[m.pk], stranger) if m.present else [],
                [display.ShownTrailer(t, place, stranger) for t in given.get(m.pk, [])],
                display.reply_to(m, stranger) if m.present else "",
                display.archived(m.message_id),
            )
        )
    return made


@require_http_methods(["GET", "POST"])
@login_required
def import_mail(request: HttpRequest) -> HttpResponse:
    """An mbox is read at once; a Message-ID is noted, and fetched by a worker within a minute."""
    person = demand(request, "import mail", "Editors import mail.")
    slug = request.GET.get("about", "").replace("\x00", "")
    form = ImportForm(
        person, request.POST or None, request.FILES or None, initial={"about": slug, **_mailed(request, slug)}
    )
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(_imported(request, person, form))
        except (archive.NotFetched, letters.Unreadable) as error:
            form.add_error("mailbox", str(error))
    status = 422 if form.errors else 200
    about = list(Document.objects.visible_to(person).filter(slug=slug).order_by("kind"))
    page = {"form": form, "about": about, "here": _here(about)}
    return render(request, "discussion/import.html", page, status=status)


def _mailed(request: HttpRequest, slug: str) -> dict[str, str]:
    """The id under which this site's mbox of it was mailed to a list, if it is as it was then."""
    found = Document.objects.visible_to(request.user).filter(slug=slug).order_by("kind").first()
    return {"message_id": of_document.message_id(found)} if found and "mailed" in request.GET else {}


def _here(about: list[Document]) -> str:
    """Which way of the site's is the current one: to the cases, where it is about one."""
    return "cases" if about and about[0].kind == "case" else "strategies"


def _imported(request: HttpRequest, by: User, form: ImportForm) -> str:
    documents = form.cleaned_data["about"]
    mailbox = form.cleaned_data["mailbox"]
    if not mailbox:
        thread = fetcher.ask_for(form.cleaned_data["message_id"], documents, by)
        ring("fetch.follow")
        return thread.get_absolute_url()
    box = letters.read_apart(archive.unpacked(mailbox.read()))
    taken = importer.take(box, documents, by)
    if box.skipped:
        messages.warning(request, box.note)
    new = f"{taken.nr_new} message{'' if taken.nr_new == 1 else 's'}"
    messages.success(request, f"Imported {new} ({taken.nr_known} already here).")
    return taken.threads[0].get_absolute_url()
