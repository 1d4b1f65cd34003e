"""Bytes of a mailbox to letters: MIME, charsets and bounds. Pure: no database, no clock, no network.

Unreadable   this is no mailbox, or one that is larger than the bounds below
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from urllib.parse import unquote

import nh3

MAX_BYTES = 32 << 20
MAX_LETTERS = 2_000
MAX_CHARACTERS = 200_000
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


def read(mailbox: bytes) -> list[Letter]:
    """The letters of an mbox, or of one plain mail, each Message-ID once. Raises `Unreadable`."""
    if len(mailbox) > MAX_BYTES:
        raise Unreadable(f"expected up to {MAX_BYTES} bytes, found {len(mailbox)}")
    found: dict[str, Letter] = {}
    for number, raw in enumerate(_split(mailbox)):
        if number >= MAX_LETTERS:
            raise Unreadable(f"expected up to {MAX_LETTERS} mails, found more")
        try:
            letter = _letter(email.message_from_bytes(raw))
        except RecursionError:
            raise Unreadable(f"mail {number + 1} holds parts within parts, deeper than is read") from None
        if letter is not None:
            found.setdefault(letter.message_id, letter)
    if not found:
        raise Unreadable("no mail with a Message-ID was found in it")
    return list(found.values())


def _split(mailbox: bytes) -> Iterator[bytes]:
    places = list(_BEGIN.finditer(mailbox))
    if not places:
        yield mailbox
        return
    ends = [place.start() + 1 for place in places[1:]] + [len(mailbox)]
    for place, end in zip(places, ends, strict=True):
        # mboxrd: a line of the mail that looked like the beginning of one has a > more than it had
        yield re.sub(rb"(?m)^>(>*From )", rb"\1", mailbox[place.end() : end])


def _letter(mail: Message) -> Letter | None:
    own = _ID.findall(_header(mail, "Message-ID"))
    if not own or own[0] != clean(own[0]):
        return None
    name, address = _addresses(mail, "From")[0] if _addresses(mail, "From") else ("", "")
    text = clean(_text(mail)).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    return Letter(
        message_id=own[0],
        references=_references(mail, own[0]),
        subject=_line(_header(mail, "Subject"), 300) or "(no subject)",
        author_name=_line(name, 200),
        author_address=_line(address, 250),
        recipients=tuple(dict.fromkeys(_line(a, 250) for _, a in _addresses(mail, "To", "Cc") if "@" in a))[
            :MAX_RECIPIENTS
        ],
        sent_at=_date(mail),
        text=text[:MAX_CHARACTERS],
        is_cut=len(text) > MAX_CHARACTERS,
    )


def _references(mail: Message, own: str) -> tuple[str, ...]:
    """References and then In-Reply-To, each once, never itself; the newest are kept where there are too many."""
    found = [one for name in ("References", "In-Reply-To") for one in _ID.findall(_header(mail, name))]
    return tuple(one for one in dict.fromkeys(found) if one not in (own, "") and one == clean(one))[-MAX_REFERENCES:]


def _header(mail: Message, name: str) -> str:
    """All headers of this name as text; what cannot be decoded is kept as it came."""
    return " ".join(_decoded(str(value)) for value in mail.get_all(name, []))


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError, UnicodeError):
        return value


def _addresses(mail: Message, *names: str) -> list[tuple[str, str]]:
    """Taken apart before it is decoded: a decoded name may hold commas."""
    pairs = getaddresses([str(value) for name in names for value in mail.get_all(name, [])])
    return [(_decoded(name), address) for name, address in pairs if address]


def _date(mail: Message) -> datetime | None:
    try:
        at = parsedate_to_datetime(str(mail.get("Date", "")))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return at if 1970 < at.year < 2100 else None


def _text(mail: Message) -> str:
    """What is to be read: every part in plain text, in order; HTML without its marks where there is nothing else."""
    parts = [part for part in mail.walk() if not part.is_multipart()]
    plain = [part for part in parts if part.get_content_type().startswith(("text/plain", "text/x-", "message/"))]
    if plain:
        return "\n".join(_content(part) for part in plain)
    page = "\n".join(_content(part) for part in parts if part.get_content_type() == "text/html")
    return nh3.clean(page[:MAX_CHARACTERS], tags=set())


def _content(part: Message) -> str:
    """A part in its own charset; where that is unknown or wrong, as UTF-8, and else as Latin-1."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    for charset in (part.get_content_charset("us-ascii"), "utf-8"):
        try:
            return payload.decode(charset)
        except (LookupError, UnicodeError, ValueError):
            continue
    return payload.decode("latin-1")


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
