"""Imported mail as a reader sees it: threads below a document, one thread, and its trailers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.utils.safestring import SafeString

from catalog.models import Document, Link
from discussion.mail import addresses, patches
from discussion.mail.diffs import coloured
from discussion.models import MailThread, Message, Trailer
from people.models import User

DEEPEST = 8
MOST_LINKS = 20
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Block:
    kind: str
    html: SafeString
    folded: SafeString
    nr_folded: int
    nr_lines: int


@dataclass(frozen=True)
class InThread:
    """A letter in its tree. `depth` counts from 0 and grows no further than DEEPEST."""

    message: Message
    depth: int
    version: int | None

    @property
    def patch(self) -> str:
        """'v3 2/5' of a patch; '' of anything else."""
        m = self.message
        if m.patch_version is None:
            return ""
        return f"v{m.patch_version}" + (f" {m.patch_number}/{m.patch_total}" if m.patch_total != 1 else "")


@dataclass(frozen=True)
class ShownTrailer:
    """A trailer as it stands in a letter: given in an answer, or carried along by a patch."""

    trailer: Trailer
    place: InThread
    for_stranger: bool

    @property
    def carried(self) -> bool:
        return self.place.message.patch_version is not None

    @property
    def by_another(self) -> bool:
        """Somebody else wrote the letter: then it says so."""
        return not self.carried and self.trailer.address.lower() != self.place.message.author_address.lower()

    @property
    def letter_of(self) -> str:
        return author(self.place.message, self.for_stranger)

    @property
    def who(self) -> str:
        name = self.trailer.name or self.trailer.address
        return addresses.hidden_in(name) if self.for_stranger else name


@dataclass
class OnTheList:
    """What the mailing list has on a document, for its page."""

    threads: list[tuple[MailThread, str, list[int]]] = field(default_factory=list)  # with its reply and its versions
    elsewhere: list[tuple[Link, str]] = field(default_factory=list)  # linked, and not imported
    trailers: list[tuple[int | None, list[ShownTrailer]]] = field(default_factory=list)  # newest version first


def on_the_list(document: Document, user: Any) -> OnTheList:
    """Five queries at the most, however many threads there are."""
    stranger = not isinstance(user, User)
    threads = list(MailThread.objects.about(document, user))
    letters = Message.objects.filter(thread__in=threads).without_text().order_by("sent_at", "pk")
    by_thread: dict[int, list[Message]] = defaultdict(list)
    for message in letters:
        by_thread[message.thread_id].append(message)
    places = {p.message.pk: p for one in by_thread.values() for p in in_tree(one)}
    shown = OnTheList()
    for thread in threads:
        present = [m for m in by_thread[thread.pk] if m.present]
        reply = reply_to(present[0], stranger) if present else ""
        shown.threads.append((thread, reply, sorted({m.patch_version for m in present if m.patch_version})))
    known = {m.message_id for m in letters}
    links = Link.objects.filter(document=document, kind="message").order_by("pk")
    shown.elsewhere = [(link, reply_unseen(link)) for link in links if link.ref not in known][:MOST_LINKS]
    given = Trailer.objects.filter(message__in=list(places)).order_by("pk")
    shown.trailers = by_version([ShownTrailer(t, places[t.message_id], stranger) for t in given])
    return shown


def by_version(trailers: Iterable[ShownTrailer]) -> list[tuple[int | None, list[ShownTrailer]]]:
    groups: dict[int | None, list[ShownTrailer]] = defaultdict(list)
    for one in trailers:
        groups[one.place.version].append(one)
    return sorted(groups.items(), key=lambda group: -(group[0] or 0))


def in_tree(messages: Iterable[Message]) -> list[InThread]:
    """Letters of one thread in the order in which they are read: each before its answers, answers by time.

    `version` is that of the patch that a letter is, or is an answer to.
    """
    below: dict[int | None, list[Message]] = defaultdict(list)
    for message in sorted(messages, key=lambda m: (m.sent_at is None, m.sent_at or _LONG_AGO, m.pk)):
        below[message.parent_id].append(message)
    made: list[InThread] = []
    waiting: list[tuple[Message, int, int | None]] = [(m, 0, None) for m in reversed(below[None])]
    while waiting:
        message, depth, version = waiting.pop()
        place = InThread(message, min(depth, DEEPEST), message.patch_version or version)
        made.append(place)
        waiting += [(m, depth + 1, place.version) for m in reversed(below[message.pk])]
    return made


def subjects(places: Iterable[InThread], heading: str) -> list[str]:
    """Each letter's subject where it is another than what was read just before it, '' elsewhere. Below `heading`."""
    made = []
    read = patches.topic(heading)
    for place in places:
        own = patches.topic(place.message.subject) if place.message.present else read
        made.append("" if own == read else place.message.subject)
        read = own
    return made


def blocks(text: str, for_stranger: bool) -> list[Block]:
    """A letter's text as its page shows it: quotes folded, diffs coloured, signatures small."""
    made = []
    for block in patches.blocks(text):
        if block.kind == "diff":
            html = coloured(addresses.hidden_in(block.text) if for_stranger else block.text)
        else:
            html = addresses.words(block.text, for_stranger)
        folded = addresses.words(block.folded, for_stranger)
        made.append(Block(block.kind, html, folded, block.nr_folded, block.text.count("\n") + 1))
    return made


def author(message: Message, for_stranger: bool) -> str:
    """Some programs write the address in the place of the name."""
    if for_stranger:
        return addresses.hidden_in(message.author_name or message.author_address)
    return message.author_name or message.author_address


def reply_to(message: Message, for_stranger: bool) -> str:
    return addresses.answer_to(
        message.message_id,
        message.subject,
        message.author_address,
        message.recipients,
        for_stranger,
        settings.MAIL_LIST,
    )


def reply_unseen(link: Link) -> str:
    """To a letter of which nothing but its Message-ID is known: neither subject nor recipients are ours to invent.

    The archive's page of it ends with how to answer it, below the anchor R (public-inbox).
    """
    return f"{archived(link.ref)}#R"


def archived(message_id: str) -> str:
    return f"{settings.ARCHIVE}{quote(message_id, safe='@')}/"
