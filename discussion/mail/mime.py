"""One mail's bytes to headers and parts, within bounds: what the standard library does to each is slow on some bytes.

TooMuch   more parts, or parts within parts, than any letter has
"""

from __future__ import annotations

from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from email.utils import getaddresses

MAX_HEADER = 64_000  # of all headers of one name; a hundred references are 25,000
MAX_PARAMETERS = 2_000  # of Content-Type and its like, which are read with the square of their length
MAX_PARTS = 200
MAX_DEPTH = 8
# What letters are written in, by every name that is used for it. Others cost: a megabyte of punycode took a minute.
_ISO = {f"{name}{n}": f"iso8859-{n}" for n in range(1, 17) if n != 12 for name in ("iso-8859-", "iso8859-")}
_WINDOWS = {f"{name}{n}": f"cp{n}" for n in (874, *range(1250, 1259)) for name in ("windows-", "cp")}
_SAME = ("us-ascii", "utf-8", "utf-16", "koi8-r", "koi8-u", "big5", "gbk", "gb18030", "shift_jis", "euc-jp", "euc-kr",
         "iso-2022-jp", "iso-2022-kr", "tis-620", "macintosh")  # fmt: skip
CHARSETS = {
    **{name: name for name in _SAME},
    **_ISO,
    **_WINDOWS,
    "utf8": "utf-8",
    "ascii": "us-ascii",
    "latin1": "iso8859-1",
    "gb2312": "gbk",
    "ks_c_5601-1987": "euc-kr",
}


class TooMuch(Exception):
    pass


class _Bounded(Compat32):
    """Cuts a header as it is read: parts are told apart by their parameters before anybody asks for a header."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[: MAX_PARAMETERS if name.lower().startswith("content-") else MAX_HEADER]


def parsed(raw: bytes) -> Message:
    """Raises `TooMuch`, and whatever else the standard library raises on bytes that are no mail."""
    made: list[None] = []

    class Part(Message):
        depth = 0

        def attach(self, part: Part) -> None:  # type: ignore[override]
            made.append(None)
            part.depth = self.depth + 1
            if part.depth > MAX_DEPTH or len(made) > MAX_PARTS:
                raise TooMuch(f"more than {MAX_PARTS} parts, or parts within parts deeper than {MAX_DEPTH}")
            super().attach(part)

    return BytesParser(Part, policy=_Bounded()).parsebytes(raw)


def header(mail: Message, name: str) -> str:
    """All headers of this name as text; what cannot be decoded is kept as it came."""
    return " ".join(decoded(value) for value in _values(mail, name))


def addresses(mail: Message, *names: str) -> list[tuple[str, str]]:
    """Taken apart before it is decoded: a decoded name may hold commas."""
    try:
        pairs = getaddresses([value for name in names for value in _values(mail, name)])
    except RecursionError:  # comments within comments
        return []
    return [(decoded(name), address) for name, address in pairs if address]


def _values(mail: Message, name: str) -> list[str]:
    made, left = [], MAX_HEADER
    for value in mail.get_all(name, []):
        made.append(str(value)[:left])
        left -= len(made[-1])
        if left <= 0:
            break
    return made


def decoded(value: str) -> str:
    """Encoded words as what they say; a value with one that is broken stays as it came."""
    if "=?" not in value:
        return value
    try:
        words = [(word if isinstance(word, str) else text(word, cs or ""), cs) for word, cs in decode_header(value)]
        return str(make_header([(word, "utf-8" if charset else None) for word, charset in words]))
    except (MessageError, ValueError):
        return value


def content(part: Message) -> str:
    """A part in its own charset."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        charset = part.get_content_charset("us-ascii")
    except ValueError:  # a NUL in its name
        charset = "us-ascii"
    return text(payload, charset)


def text(given: bytes, charset: str) -> str:
    """Where the charset is unknown or wrong, as UTF-8, and else as Latin-1."""
    for name in (CHARSETS.get(charset.lower(), "utf-8"), "utf-8"):
        try:
            return given.decode(name)
        except UnicodeError:
            continue
    return given.decode("latin-1")
