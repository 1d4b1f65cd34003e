"""What somebody may call themselves beside their username: a name that reads as what it is, and as nobody else's."""

from __future__ import annotations

import re
import unicodedata

# Letters and marks that show nothing, though Unicode counts them among those that do.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
MOST = 100  # with the longest username it still fits where a strategy names its driver
_MARKS = 3  # on one letter, at the most: more of them run into other lines
_ANYWHERE = {"admin", "administrator", "maintainer", "moderator", "unmigratable"}
_ALONE = {"editor", "editors", "operator", "root", "site", "staff", "support", "system", "team", "webmaster"}
_ALIKE = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")


def fault(name: str) -> str:
    """What is wrong with a name, in a sentence; '' where nothing is. Whose username it is, `is_somebodys` knows."""
    if len(name) > MOST:
        return f"It has more than {MOST} characters."
    if has_hidden(name):
        return "It has a character that cannot be seen."
    if not any(char.isalpha() for char in name):
        return "It has no letter."
    if any(len({script for char in word if (script := _script(char))}) > 1 for word in re.findall(r"\w+", name)):
        return "A word of it has letters of two scripts."
    words = re.findall(r"[^\W\d_]+", folded(name))
    if _ANYWHERE & {word.removesuffix("s") for word in words} or (len(words) == 1 and words[0] in _ALONE):
        return "It reads as somebody who speaks for this site."
    return ""


def has_hidden(name: str) -> bool:
    """Whether it holds what has no width, turns the line round, or piles up."""
    if _BLANK.search(name) or any(unicodedata.category(char) in _HIDDEN for char in name):
        return True
    marks = "".join("m" if unicodedata.category(char) in ("Mn", "Me") else " " for char in name)
    return "m" * (_MARKS + 1) in marks


def usernames_in(name: str) -> set[str]:
    """What of it would be taken for a username: all of it, and what stands in brackets as usernames do behind names."""
    whole = folded(name)
    return {whole, *re.findall(r"[(@]\s*([\w.+@-]+)", whole)}


def folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def without_hidden(name: str) -> str:
    """For names of before the rule."""
    shown = "".join(char for char in _BLANK.sub("", name) if unicodedata.category(char) not in _HIDDEN)
    return " ".join(shown.split())[:MOST].strip()


def _script(char: str) -> str:
    script = unicodedata.name(char, "").partition(" ")[0] if char.isalpha() else ""
    return script if script in _ALIKE else ""
