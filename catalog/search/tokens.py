"""Text to words as they are written, and back to the ones that a reader typed. Pure.

Kernel symbols, sysctls, paths, Message-IDs and commit hashes stay whole, and their pieces stand beside them:
`fs.fuse.max_request_timeout` is one word, and so are `max_request_timeout`, `fuse` and `timeout`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MAX_CHARACTERS = 200  # of a word; what is longer is no word that anybody types
MAX_TYPED = 8
HASH_CHARACTERS = 12  # what a commit is cited by, at the least
_MAX_BYTES = 400_000  # of all words of one text; PostgreSQL's tsvector holds 1 MB with its positions
_LAST_POSITION = 16_383
_POSITIONS = 200
_CHUNK = re.compile(r"[^\s<>()\[\]{}\"'`,;|*!?“”‘’…«»\\\x00]+")
_EDGES = ".:/-=+#&%$~^@"
_HASH = re.compile(r"[0-9a-f]{7,40}")


def chunks(text: str) -> Iterator[str]:
    """What stands between spaces and brackets, in lower case, without punctuation around it."""
    for found in _CHUNK.finditer(text):
        chunk = found[0].strip(_EDGES).lower()
        if chunk and len(chunk) <= MAX_CHARACTERS:
            yield chunk


def forms(chunk: str) -> set[str]:
    """The words under which a chunk is found."""
    if "@" in chunk:
        return {chunk, *_message_ids(chunk)}
    made = {chunk}
    for piece in chunk.split("/"):
        made.add(piece)
        for name in re.split(r"\W+", piece):
            made |= {name, *name.split("_")}
    if is_hash(chunk) and len(chunk) > HASH_CHARACTERS:
        made.add(chunk[:HASH_CHARACTERS])
    return {word for word in (form.strip(_EDGES) for form in made) if word}


def is_hash(word: str) -> bool:
    """Whether it may be a commit: hex digits, and not only letters (`decade`) or a plain number."""
    return bool(_HASH.fullmatch(word)) and not word.isalpha() and not (word.isdigit() and len(word) < HASH_CHARACTERS)


def is_name(word: str) -> bool:
    """A commit or a Message-ID: what is spelled almost like it is another one."""
    return is_hash(word) or "@" in word


def is_symbol(word: str) -> bool:
    """Written as code is, so that English grammar has nothing to say about it."""
    return bool(re.search(r"[_.@/:+=]", word)) or is_hash(word)


def parts(symbol: str) -> tuple[str, ...]:
    """The words that a symbol is made of, but for the one that says that it is a configuration option."""
    found = [part for part in re.split(r"[\W_]+", symbol) if part]
    return tuple(found[1:] if len(found) > 1 and found[0] == "config" else found)


def typed(query: str) -> list[str]:
    """The words of a search, at most MAX_TYPED. Of an address that was pasted, what it points at."""
    made: list[str] = []
    for chunk in chunks(query):
        word = _pointed_at(chunk) if "/" in chunk else chunk
        if word not in made and parts(word):
            made.append(word)
    return made[:MAX_TYPED]


def literal(parts: Iterable[tuple[str, str]]) -> tuple[str, set[str]]:
    """(weight A to D, text) pairs as the literal of a tsvector that cuts no word, and all the words in it."""
    places: dict[str, list[str]] = {}
    position = size = 0
    for weight, text in parts:
        for chunk in chunks(text):
            position = min(position + 1, _LAST_POSITION)
            for word in forms(chunk):
                if word not in places:
                    size += len(word.encode())
                    if size > _MAX_BYTES:
                        continue
                at = places.setdefault(word, [])
                if len(at) < _POSITIONS:
                    at.append(f"{position}{weight}")
    return " ".join(f"{quoted(word)}:{','.join(at)}" for word, at in sorted(places.items())), set(places)


def quoted(word: str) -> str:
    """A word as a lexeme in the literal of a tsvector or tsquery. Chunks hold neither quotes nor backslashes."""
    return f"'{word}'"


def _message_ids(chunk: str) -> list[str]:
    return re.findall(r"(?<![^\s/@])[^\s/@]+@[^\s/@]+", chunk)


def _pointed_at(chunk: str) -> str:
    if ids := _message_ids(chunk):
        return str(ids[0])
    last = re.split(r"[/=]", chunk)[-1]
    return last if is_hash(last) or "://" in chunk else chunk
