"""What of a comment is taken over when somebody makes an objection of it: what was selected, or how it begins. Pure."""

from __future__ import annotations

from itertools import pairwise

from catalog.text import markdown


def taken(text: str, selected: str) -> str:
    """What was selected, where the text says so; else the beginning of what is said in it."""
    words = " ".join(selected.split())
    return selected.strip() if words and words in markdown.spoken(text) else beginning(text)


def beginning(text: str) -> str:
    """The first paragraph of its author's own: no quote, nor the line that says whose it is. All where there is none.

    With what it announces: "Two things:" is nothing without the list below it.
    """
    for (kind, words), (next_kind, next_words) in pairwise([*markdown.blocks(text), ("", "")]):
        announces = words.endswith(":")
        if kind == "paragraph" and not (announces and next_kind == "blockquote"):
            return f"{words}\n\n{next_words}" if announces and next_words else words
    unquoted = "\n".join(line for line in text.split("\n") if not line.startswith(">"))
    return unquoted.strip() or text
