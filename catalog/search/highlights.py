"""The part of a text that answers a search, and which words in it do. Pure.

marked(text, pattern) -> pieces (text, whether it was searched for), to be shown one after another
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

Pieces = tuple[tuple[str, bool], ...]
Pattern = re.Pattern[str]
AROUND = 130
NEVER = re.compile(r"(?!)")


def pattern(whole: Iterable[str], stems: Iterable[str], begun: Iterable[str]) -> Pattern:
    """Matches words as they are written, words that English grammar leads to a stem, and words that begin so.

    PostgreSQL's stems end where the forms of a word part: `migrat`, and `memori` for memory and memories.
    """
    found = [re.escape(word) + r"(?!\w)" for word in whole]
    found += [re.escape(stem[:-1]) + r"[iy]\w*" if stem.endswith("i") else re.escape(stem) + r"\w*" for stem in stems]
    found += [re.escape(word) + r"\w*" for word in begun]
    if not found:
        return NEVER
    longest_first = sorted(found, key=len, reverse=True)
    return re.compile(r"(?<![A-Za-z0-9])(?:" + "|".join(longest_first) + ")", re.IGNORECASE)


def marked(text: str, searched: Pattern) -> Pieces:
    pieces: list[tuple[str, bool]] = []
    end = 0
    for found in searched.finditer(text):
        if found.start() > end:
            pieces.append((text[end : found.start()], False))
        pieces.append((found[0], True))
        end = found.end()
    pieces.append((text[end:], False))
    return tuple(piece for piece in pieces if piece[0])


def excerpt(text: str, searched: Pattern) -> Pieces:
    """The stretch of some 2 × AROUND characters with the most different words that match; else the start."""
    text = " ".join(text.split())
    found = [(match.start(), match[0].lower()) for match in searched.finditer(text)]
    best, most, last = 0, 0, 0
    within: Counter[str] = Counter()  # the words of found[n:last], how often each
    for start, word in found:
        while last < len(found) and found[last][0] < start + 2 * AROUND:
            within[found[last][1]] += 1
            last += 1
        if len(within) > most:
            best, most = start, len(within)
        within[word] -= 1
        if not within[word]:
            del within[word]
    first = max(0, best - AROUND // 2)
    if first:
        first = text.rfind(" ", 0, first + 1) + 1
    end = min(len(text), first + 2 * AROUND)
    if end < len(text):
        end = max(text.rfind(" ", first, end), first + AROUND)
    shown = ("… " if first else "") + text[first:end] + (" …" if end < len(text) else "")
    return marked(shown, searched)
