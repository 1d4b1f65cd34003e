"""Addresses in mail: half hidden from strangers; and the way back to the list. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from django.utils.safestring import SafeString

from catalog.text import markdown

LISTS = frozenset({"vger.kernel.org", "kvack.org", "googlegroups.com"})
# Every word, with what makes it an address: a word that is taken whole is looked at once, however long it is.
_WORD = re.compile(r"[\w.+-]+(@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+)?")


def is_list(address: str) -> bool:
    domain = address.rpartition("@")[2].lower()
    return domain in LISTS or domain.startswith("lists.")


def half_hidden(address: str) -> str:
    """`jane@example.org` as `ja…@example.org`: enough to know somebody by, not enough to write to."""
    name, _, domain = address.rpartition("@")
    return address if is_list(address) else f"{name[:2]}…@{domain}"


def hidden_in(text: str) -> str:
    if "@" not in text:
        return text
    return _WORD.sub(lambda found: half_hidden(found[0]) if found[1] else found[0], text)


def words(text: str, for_stranger: bool) -> SafeString:
    """Text as HTML: web addresses are links, mail addresses half hidden where a stranger reads.

    Put together by hand: with format_html a letter of nothing but links cost 30 µs each.
    """
    made = [
        _link(escape(piece)) if n % 2 else escape(hidden_in(piece) if for_stranger else piece)
        for n, piece in enumerate(markdown.split_at_links(text))
    ]
    return SafeString("".join(made))


def _link(address: str) -> str:
    return f'<a href="{address}" rel="noopener nofollow ugc">{address}</a>'


def answer_to(message_id: str, subject: str, to: str, cc: Iterable[str], for_stranger: bool, else_to: str) -> str:
    """A mailto address (RFC 6068) that answers a letter where it was written. Strangers get the lists alone."""
    others = [one for one in dict.fromkeys(cc) if one != to]
    if for_stranger:
        lists = [one for one in [to, *others] if is_list(one)] or [else_to]
        to, others = lists[0], lists[1:]
    subject = subject if subject.lower().startswith("re:") else f"Re: {subject}"
    fields = {"In-Reply-To": f"<{message_id}>", "Cc": ",".join(others), "Subject": subject}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items() if value)
    return f"mailto:{quote(to, safe='@')}?{query}"
