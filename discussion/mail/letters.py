"""Bytes of a mailbox to letters, each for itself: one that cannot be read is named and skipped. Pure.

Unreadable   this is no mailbox, or one that is larger than the bounds below
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

import nh3

from discussion.mail import mime
from rest.bounds import bounded

MAX_BYTES = 32 << 20
MAX_LETTERS = 2_000
MAX_LETTER_BYTES = 4 << 20
MAX_CHARACTERS = 200_000
# Elements within elements are cleaned in the square of their number: 200,000 characters of <div> took 5 s.
MAX_PAGE_CHARACTERS = 20_000
MAX_REFERENCES = 100
MAX_RECIPIENTS = 100
# As mbox writes it: "From " with an address and a time, first or after an empty line.
_BEGIN = re.compile(rb"(?:\A|\n\r?\n)From (?=[^\n]{0,200}\d\d:\d\d)(?=[^\n]{0,200}\d{4})[^\n]{0,300}\n")
_HARMFUL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
_ID = re.compile(r"<([^\s<>]{1,250})>")


class Unreadable(Exception):
    pass


class _Skipped(Unreadable):
    pass


@dataclass(frozen=True)
class Letter:
    """One mail. `references` are Message-IDs without brackets, oldest first; the last one is what it answers."""

    message_id: str
    references: tuple[str, ...]
    subject: str
    author_name: str
    author_address: str
    recipients: tuple[str, ...]
    sent_at: datetime | None
    text: str
    is_cut: bool


@dataclass(frozen=True)
class Mailbox:
    """Letters, and for each mail that could not be read a sentence that names it."""

    letters: tuple[Letter, ...]
    skipped: tuple[str, ...]

    def __iter__(self) -> Iterator[Letter]:
        return iter(self.letters)

    def __len__(self) -> int:
        return len(self.letters)

    @property
    def note(self) -> str:
        """One sentence of what was skipped; '' where nothing was."""
        if not self.skipped:
            return ""
        more = f" and {len(self.skipped) - 3} more" if len(self.skipped) > 3 else ""
        return f"Skipped {'; '.join(self.skipped[:3])}{more}."


def read(mailbox: bytes) -> Mailbox:
    """The letters of an mbox, or of one plain mail, each Message-ID once. Raises `Unreadable`."""
    if len(mailbox) > MAX_BYTES:
        raise Unreadable(f"expected up to {MAX_BYTES} bytes, found {len(mailbox)}")
    found: dict[str, Letter] = {}
    skipped = []
    for number, raw in enumerate(_split(mailbox), 1):
        if number > MAX_LETTERS:
            raise Unreadable(f"expected up to {MAX_LETTERS} mails, found more")
        try:
            letter = _letter(raw)
            found.setdefault(letter.message_id, letter)
        except Exception as error:
            skipped.append(f"mail {number}: {_why(error)}")
    if not found:
        raise Unreadable("no mail in it could be read; " + "; ".join(skipped[:3]))
    return Mailbox(tuple(found.values()), tuple(skipped))


def read_apart(mailbox: bytes) -> Mailbox:
    """The same in a process that is ended where it takes too long."""
    try:
        return bounded.call(read, mailbox, nr_bytes=len(mailbox))
    except bounded.TooLong:
        raise Unreadable("reading it takes too long") from None


def _why(error: Exception) -> str:
    """The standard library raises all it likes on bytes that are no mail, at thirty places or more."""
    return str(error) if isinstance(error, _Skipped | mime.TooMuch) else f"cannot be read ({type(error).__name__})"


def _split(mailbox: bytes) -> Iterator[bytes]:
    places = list(_BEGIN.finditer(mailbox))
    if not places:
        yield mailbox
        return
    ends = [place.start() + 1 for place in places[1:]] + [len(mailbox)]
    for place, end in zip(places, ends, strict=True):
        # mboxrd: a line of the mail that looked like the beginning of one has a > more than it had
        yield re.sub(rb"(?m)^>(>*From )", rb"\1", mailbox[place.end() : end])


def _letter(raw: bytes) -> Letter:
    if len(raw) > MAX_LETTER_BYTES:
        raise _Skipped(f"larger than {MAX_LETTER_BYTES} bytes")
    return letter_of(mime.parsed(raw))


def letter_of(mail: Message) -> Letter:
    """Raises `Unreadable` where it has no Message-ID that can be kept."""
    own = _ID.findall(mime.header(mail, "Message-ID"))
    if not own or own[0] != clean(own[0]):
        raise _Skipped("has no Message-ID")
    name, address = next(iter(mime.addresses(mail, "From")), ("", ""))
    text, is_cut = _text(mail)
    text = clean(text).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    recipients = dict.fromkeys(_line(a, 250) for _, a in mime.addresses(mail, "To", "Cc") if "@" in a)
    return Letter(
        message_id=own[0],
        references=_references(mail, own[0]),
        subject=_line(mime.header(mail, "Subject"), 300) or "(no subject)",
        author_name=_line(name, 200),
        author_address=_line(address, 250),
        recipients=tuple(recipients)[:MAX_RECIPIENTS],
        sent_at=_date(mail),
        text=text[:MAX_CHARACTERS],
        is_cut=is_cut or len(text) > MAX_CHARACTERS,
    )


def _references(mail: Message, own: str) -> tuple[str, ...]:
    """References and then In-Reply-To, each once, never itself; the newest are kept where there are too many."""
    found = [one for name in ("References", "In-Reply-To") for one in _ID.findall(mime.header(mail, name))]
    return tuple(one for one in dict.fromkeys(found) if one not in (own, "") and one == clean(one))[-MAX_REFERENCES:]


def _date(mail: Message) -> datetime | None:
    try:
        at = parsedate_to_datetime(str(mail.get("Date", ""))[:200])
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return at if 1970 < at.year < 2100 else None


def _text(mail: Message) -> tuple[str, bool]:
    """What is to be read, and whether more was there: every part in plain text, in order; HTML without its marks
    where there is nothing else."""
    parts = [part for part in mail.walk() if not part.is_multipart()]
    plain = [part for part in parts if part.get_content_type().startswith(("text/plain", "text/x-", "message/"))]
    if plain:
        return "\n".join(mime.content(part) for part in plain), False
    page = "\n".join(mime.content(part) for part in parts if part.get_content_type() == "text/html")
    return nh3.clean(page[:MAX_PAGE_CHARACTERS], tags=set()), len(page) > MAX_PAGE_CHARACTERS


def clean(text: str) -> str:
    """Without what a database or a page cannot take: NUL, other controls, halves of characters, bidi overrides."""
    return _HARMFUL.sub("\ufffd", text)


def _line(text: str, most: int) -> str:
    return " ".join(clean(text).split())[:most]


def message_id(given: str) -> str:
    """The Message-ID in what somebody typed: bare, in brackets, or in an archive's address. '' where there is none."""
    found = re.fullmatch(r"<?([^\s<>/]{1,200}@[^\s<>/]{1,120})>?", given.strip())
    inside = re.search(r"https?://[^\s/]+/(?:[^\s/]+/)*([^\s<>/]+@[^\s<>/]+)(?:/|$)", given.strip())
    one = unquote(inside[1]) if inside else found[1] if found else ""
    return one if len(one) <= 250 and one == clean(one) else ""
