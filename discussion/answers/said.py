"""What somebody says in an answer, without what a mail program puts around it. Pure.

Kernel people answer below the lines that they quote, so quotes between words stay. What goes: the signature, and what
is quoted at the end with nothing after it.
"""

from __future__ import annotations

import re

MOST_OF_A_SIGNATURE = 30
LONG_QUOTE, KEPT_OF_A_QUOTE = 8, 4
_ORIGINAL = re.compile(r"-{2,20} ?(?:Original|Forwarded|Ursprüngliche)\b[^\n]{0,60}-{2,20}\s*", re.IGNORECASE)
_OUTLOOK = re.compile(r"(?:From|Von|De): [^\n]{1,200}")
_SENT = re.compile(r"(?:Sent|Date|Gesendet|Envoyé|Enviado): [^\n]{1,100}")
_SIGNED, _SIGNATURE = "-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP SIGNATURE-----"
_RULE = re.compile(r"_{10,80}\s*")


def said(text: str) -> str:
    """'' where nothing is left."""
    lines = _without_armour([line.rstrip("\r") for line in text.split("\n")])
    lines = _without_signature(lines)
    lines = _without_the_mail_below(lines)
    lines = _without_the_last_quote(lines)
    return "\n".join(_quotes_shortened(lines)).strip()


def _without_armour(lines: list[str]) -> list[str]:
    """The text of what OpenPGP signed inline (RFC 9580, 7): nothing before or behind it is signed, or theirs."""
    begin = next((n for n, line in enumerate(lines) if line.strip()), 0)
    if not lines[begin:] or lines[begin].rstrip() != _SIGNED or _SIGNATURE not in lines:
        return lines
    end = lines.index(_SIGNATURE)
    head = next((n for n in range(begin + 1, end) if not lines[n].strip()), begin)  # behind Hash: …
    return [line.removeprefix("- ") for line in lines[head + 1 : end]]


def _without_signature(lines: list[str]) -> list[str]:
    at = next((n for n in range(len(lines) - 1, -1, -1) if lines[n] == "-- "), len(lines))
    return lines[:at] if len(lines) - at <= MOST_OF_A_SIGNATURE else lines


def _without_the_mail_below(lines: list[str]) -> list[str]:
    """Some programs put the whole mail below, without a sign before its lines."""
    for n, line in enumerate(lines):
        starts = bool(_ORIGINAL.fullmatch(line)) or (
            bool(_OUTLOOK.fullmatch(line)) and any(_SENT.fullmatch(one) for one in lines[n + 1 : n + 4])
        )
        if starts and any(one.strip() for one in lines[:n]):
            return lines[: n - 1] if n and _RULE.fullmatch(lines[n - 1]) else lines[:n]
    return lines


def _without_the_last_quote(lines: list[str]) -> list[str]:
    end = _last_words(lines, len(lines))
    if end == len(lines) or not any(_is_quote(line) for line in lines[end:]):
        return lines[:end]
    # "On Sunday Ann wrote:", over one line or two, in whatever language: it ends with a colon.
    begin = end
    if end and lines[end - 1].rstrip().endswith(":"):
        begin = end - 1
        while begin and end - begin < 3 and lines[begin - 1].strip() and not _is_quote(lines[begin - 1]):
            begin -= 1
        if not re.search(r"\d|@", " ".join(lines[begin:end])):
            begin = end
    return lines[:begin]


def _last_words(lines: list[str], end: int) -> int:
    """Behind the last line that is neither empty nor a quote."""
    while end and (_is_quote(lines[end - 1]) or not lines[end - 1].strip()):
        end -= 1
    return end


def _is_quote(line: str) -> bool:
    return line.startswith(">")


def _quotes_shortened(lines: list[str]) -> list[str]:
    """Of a long quote its last lines, next to what answers them."""
    made: list[str] = []
    quote: list[str] = []
    for line in [*lines, ""]:
        if _is_quote(line):
            quote.append(line)
            continue
        made += quote if len(quote) <= LONG_QUOTE else ["> […]", *quote[-KEPT_OF_A_QUOTE:]]
        quote = []
        made.append(line)
    return made
