"""Letters into threads, in one transaction. A Message-ID is kept once; a tree is mended when what it lacked comes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection, transaction

from catalog.models import Document
from discussion.mail import patches, threading
from discussion.mail.letters import Letter
from discussion.models import MailThread, Message, Trailer
from people import journal
from people.models import User

_ONE_IMPORT_AT_A_TIME = 0x6D61696C  # an advisory lock: imports that overlap must see each other's placeholders
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Taken:
    nr_new: int
    nr_known: int
    threads: tuple[MailThread, ...]


@transaction.atomic
def take(letters: Iterable[Letter], documents: Iterable[Document] = (), by: User | None = None) -> Taken:
    """Keeps what is new of `letters`, and puts their threads to `documents`. A second time changes nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_IMPORT_AT_A_TIME])
    given = {letter.message_id: letter for letter in letters}
    named = given.keys() | {reference for letter in given.values() for reference in letter.references}
    old = _neighbours(named)
    fresh = [letter for key, letter in given.items() if key not in old or not old[key].present]
    above = _tree(old, fresh)
    before = {key: (message.parent_id, message.thread_id) for key, message in old.items()}
    roots = threading.roots(above)
    threads = _threads(roots, old)
    rows = _rows(roots, old, fresh, threads)
    _place(above, roots, rows, threads, before)
    Trailer.objects.bulk_create(
        Trailer(message=rows[letter.message_id], kind=t.kind, name=t.name[:200], address=t.address)
        for letter in fresh
        for t in {(t.kind, t.address): t for t in patches.trailers(letter.text)}.values()
    )
    touched = {threads[roots[key]].pk: threads[roots[key]] for key in given}
    _sum_up(touched, above, rows)
    wanted = list(documents)
    for thread in touched.values():
        thread.documents.add(*wanted)
    if fresh:
        for thread in touched.values():
            journal.record("thread.imported", "thread", thread.root_id[:150], by, nr_letters=len(fresh))
    return Taken(len(fresh), len(given) - len(fresh), tuple(touched.values()))


def _neighbours(named: Iterable[str]) -> dict[str, Message]:
    """Every message of each thread in which one of these ids is known, as a letter or as a placeholder."""
    threads = Message.objects.filter(message_id__in=list(named)).values("thread")
    return {m.message_id: m for m in Message.objects.filter(thread__in=threads).select_related("thread").without_text()}


def _tree(old: dict[str, Message], fresh: list[Letter]) -> dict[str, str | None]:
    known = [(m.sent_at or _LONG_AGO, m.message_id, m.references) for m in old.values() if m.present]
    known += [(letter.sent_at or _LONG_AGO, letter.message_id, list(letter.references)) for letter in fresh]
    above = threading.parents((key, references) for _, key, references in sorted(known))
    for key in old:
        above.setdefault(key, None)  # a placeholder that was asked for by its id alone
    return above


def _threads(roots: dict[str, str], old: dict[str, Message]) -> dict[str, MailThread]:
    """The thread of each root: the oldest that any message below it had, or a new one. Emptied ones go."""
    had: dict[str, dict[int, MailThread]] = defaultdict(dict)
    for key, message in old.items():
        had[roots[key]][message.thread_id] = message.thread
    made: dict[str, MailThread] = {}
    taken: set[int] = set()
    for root in sorted(set(roots.values()), key=lambda r: min(had[r], default=1 << 62)):
        mine = next((had[root][pk] for pk in sorted(had[root]) if pk not in taken), None)
        if mine is None:
            mine = MailThread.objects.create(root_id=root, subject="")
        taken.add(mine.pk)
        made[root] = mine
        for pk, other in had[root].items():
            if pk != mine.pk:
                mine.documents.add(*other.documents.all())
                mine.next_fetch_at = mine.next_fetch_at or other.next_fetch_at
    return made


def _rows(
    roots: dict[str, str], old: dict[str, Message], fresh: list[Letter], threads: dict[str, MailThread]
) -> dict[str, Message]:
    """A row for every id: those there were, placeholders that are filled now, and new ones."""
    rows = dict(old)
    filled = []
    for letter in fresh:
        row = rows.get(letter.message_id) or Message(message_id=letter.message_id)
        _fill(row, letter)
        rows[letter.message_id] = row
        if row.pk:
            filled.append(row)
    for key in roots:
        rows.setdefault(key, Message(message_id=key, present=False))
    new = [row for row in rows.values() if row.pk is None]
    for row in new:
        row.thread = threads[roots[row.message_id]]
    Message.objects.bulk_create(new, batch_size=500)
    if filled:
        Message.objects.bulk_update(filled, _FILLED, batch_size=200)
    return rows


_FILLED = ["present", "references", "subject", "author_name", "author_address", "recipients", "sent_at", "text",
           "is_cut", "patch_version", "patch_number", "patch_total"]  # fmt: skip


def _fill(row: Message, letter: Letter) -> None:
    patch = patches.patch_of(letter.subject)
    row.present, row.references, row.recipients = True, list(letter.references), list(letter.recipients)
    row.subject, row.text, row.is_cut, row.sent_at = letter.subject, letter.text, letter.is_cut, letter.sent_at
    row.author_name, row.author_address = letter.author_name, letter.author_address
    if patch:
        row.patch_version, row.patch_number, row.patch_total = patch.version, patch.number, patch.total


def _place(
    above: dict[str, str | None],
    roots: dict[str, str],
    rows: dict[str, Message],
    threads: dict[str, MailThread],
    before: dict[str, tuple[int | None, int]],
) -> None:
    """Parents and threads where they are not what they were; threads that nothing is left of are deleted."""
    moved = []
    for key, parent in above.items():
        row = rows[key]
        row.parent = rows[parent] if parent else None
        row.thread = threads[roots[key]]
        if before.get(key, (None, row.thread_id)) != (row.parent_id, row.thread_id):
            moved.append(row)
    if moved:
        Message.objects.bulk_update(moved, ["parent", "thread"], batch_size=500)
    left = {thread for _, thread in before.values()} - {thread.pk for thread in threads.values()}
    MailThread.objects.filter(pk__in=left).delete()


def _sum_up(touched: dict[int, MailThread], above: dict[str, str | None], rows: dict[str, Message]) -> None:
    inside: dict[int, list[Message]] = defaultdict(list)
    for row in rows.values():
        inside[row.thread_id].append(row)
    for thread in touched.values():
        present = sorted((m for m in inside[thread.pk] if m.present), key=lambda m: (m.sent_at or _LONG_AGO, m.pk))
        thread.root_id = next(m.message_id for m in inside[thread.pk] if above[m.message_id] is None)
        thread.subject = present[0].subject if present else thread.root_id
        thread.nr_letters = len(present)
        thread.last_at = max((m.sent_at for m in present if m.sent_at), default=None)
        thread.save()
