"""The bytes of a pasted text to its characters, whatever editors, chats and mailers made of them."""

from __future__ import annotations

from typing import Union

# What editors and chats make of a blank, and bytes that were no UTF-8: of Windows-1252, as most of them are.
_BLANKS_AND_BYTES = {
    **dict.fromkeys([0xA0, 0x2007, 0x202F, 0x3000, 0xFEFF], " "),
    **dict.fromkeys([0x2028, 0x2029, 0x85], "\n"),
    **{0xDC00 + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(0x80, 0x100)},
    0xDCA0: " ",
}


def decode(given: Union[str, bytes]) -> str:
    """Text from bytes, whatever they are: UTF-16, else UTF-8, and Windows-1252 where a byte is no UTF-8."""
    if isinstance(given, bytes):
        given = given.decode(_wide(given), "replace") if _wide(given) else given.decode("utf-8", "surrogateescape")
    if not given.isascii():
        given = given.translate(_BLANKS_AND_BYTES)
    if "\r" in given:
        given = given.replace("\r\n", "\n")
        given = given.replace("\r", " " if "\n" in given else "\n")
    return given.replace("\0", " ")


def _wide(given: bytes) -> str:
    """The name of the UTF-16 that it is in, by its mark, or by every second byte being zero."""
    if given[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    head = given[:400]
    if len(head) >= 40 and head[1::2].count(0) > len(head) * 0.4:
        return "utf-16-le"
    return "utf-16-be" if len(head) >= 40 and head[::2].count(0) > len(head) * 0.4 else ""
