"""Bytes to others that may cost more than their length: pieces again and again, pieces of others, odd characters."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ODD = [
    *(b"\x00", b"\xff", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\xe2\x80\xa8", b"\xc2\x85", b"\r", b"\n"),
    *(b"\r\n", b"\t", b" ", b"=\n", b"=3D", b"=20", b"&lt;", b"&#", b"<br>", b"<span ", b"<!--", b"\x1b["),
    *(b"\x1b[0m", b"[32m", b"\\u0000", b"[    1.000000] ", b"page:", b"flags: 0x1(", b"raw: ", b"head: "),
    *(b"task:", b"Comm: ", b"+0x1/0x2", b"cma: ", b"inspect: ", b"memory1/state:online", b"0x", b"1@1+"),
    *(b"MESSAGE=", b"\"msg\": \"", b"migrating pfn ", b"nr_", b"a.", b"a@", b"@b.c", b"1.1.1.1:", b"::"),
    *(b"0a:", b"/home/", b"-", b"_", b"#", b"a ", b"zq ", b"`", b"*", b"_a", b"[", b"](", b"(", b")", b"{"),
    *(b"}", b"{\"a\":", b"\"", b"'", b"\\", b",", b"|", b"||", b">", b"> ", b">\nx\n", b"<", b"![", b"[a]: "),
    *(b"http://a", b"https://", b"***", b"~~", b"```diff\n", b"```c\n", b"1. ", b"- ", b"    ", b"&amp;"),
    *(b"---\n", b": ", b"- [", b"&a [*a,*a]", b"!!python/object", b"<<: *a", b"? ", b"!!binary ", b"1e400"),
    *(b"NaN", b"-0", b"ok 1 ", b"not ok ", b"# ", b"    ok 1 a\n", b"1..9999999\n", b"KTAP version 1\n"),
    *(b"# SKIP", b"TAP version 13\n", b"=?utf-8?b?a?=", b"=?punycode?q?a?=", b"=?utf-8?q?=3D?= "),
    *(b"Content-Type: text/plain", b";", b"boundary=b", b"--b\n", b"Message-ID: <a@b>\n"),
    *(b"References: <a@b>", b"From a 12:34 2026\n", b"Acked-by:", b"diff --git a b\n", b"+\n", b"-- \n"),
    *(b"999999999999999999999999999999", b"-1", b"0", b"true", b"null", b"[]", b"%00", b"%", b"+", b"?"),
    *(b"&", b"'--", b"\xf0\x9f\x98\x80", b"\xef\xbc\xa1"),
]  # fmt: skip


def mutated(piece: bytes, others: list[bytes], most: int, chance: random.Random) -> bytes:
    """One to four changes, at most `most` bytes."""
    for _ in range(chance.randint(1, 4)):
        piece = chance.choice(_WAYS)(piece, others, most, chance)[:most]
    return piece


def _again(piece: bytes, others: list[bytes], most: int, chance: random.Random) -> bytes:
    """A short stretch as often as fits, with what was before it and behind it."""
    at = chance.randrange(len(piece) + 1)
    stretch = piece[at : at + chance.choice((1, 2, 3, 5, 9, 20, 80, 400))] or b"a"
    times = chance.choice((2, 10, 100, most)) if chance.random() < 0.8 else most
    room = max(most - len(piece), 0) // len(stretch)
    return piece[:at] + stretch * min(times, room) + piece[at:]


def _odd_again(piece: bytes, others: list[bytes], most: int, chance: random.Random) -> bytes:
    at = chance.randrange(len(piece) + 1)
    odd = b"".join(chance.choice(ODD) for _ in range(chance.randint(1, 3)))
    return piece[:at] + odd * chance.choice((1, 1, 3, 50, 1_000, most // len(odd))) + piece[at:]


def _cut(piece: bytes, others: list[bytes], most: int, chance: random.Random) -> bytes:
    at = chance.randrange(len(piece) + 1)
    return piece[:at] + piece[at + chance.choice((1, 2, 8, 60, 1_000)) :]


def _spliced(piece: bytes, others: list[bytes], most: int, chance: random.Random) -> bytes:
    other = chance.choice(others)
    return piece[: chance.randrange(len(piece) + 1)] + other[chance.randrange(len(other) + 1) :]


def _flipped(piece: bytes, others: list[bytes], most: int, chance: random.Random) -> bytes:
    made = bytearray(piece or b"a")
    for _ in range(chance.randint(1, 8)):
        made[chance.randrange(len(made))] = chance.choice((0, 9, 10, 32, 34, 40, 45, 46, 58, 60, 64, 91, 92, 123, 255))
    return bytes(made)


def _in_a_line(piece: bytes, others: list[bytes], most: int, chance: random.Random) -> bytes:
    """One line gets something odd in it, so that what surrounds it is still read."""
    lines = piece.split(b"\n")
    n = chance.randrange(len(lines))
    at = chance.randrange(len(lines[n]) + 1)
    lines[n] = lines[n][:at] + chance.choice(ODD) * chance.choice((1, 2, 40, 400, 8_000)) + lines[n][at:]
    return b"\n".join(lines)


def _in_json(piece: bytes, others: list[bytes], most: int, chance: random.Random) -> bytes:
    """One value of a JSON document is another, and the rest of it is still JSON."""
    try:
        whole = json.loads(piece)
    except (ValueError, RecursionError):
        return _in_a_line(piece, others, most, chance)
    at = whole
    while isinstance(at, dict | list) and at:
        key = chance.choice(list(at) if isinstance(at, dict) else range(len(at)))
        if not isinstance(at[key], dict | list) or chance.random() < 0.2:
            odd = chance.choice(ODD).decode("utf-8", "replace")
            at[key] = chance.choice(
                (odd, odd * 30, odd * 1_000, 0, -1, 1e308, 10**30, None, True, [], {}, [at[key]] * 50, "")
            )
            break
        at = at[key]
    return json.dumps(whole).encode()


_WAYS = (_in_a_line, _in_a_line, _in_json, _in_json, _again, _again, _odd_again, _odd_again, _cut, _spliced, _flipped)


def corpus(*folders: Path) -> list[bytes]:
    """Real captures, the catalog's texts, patterns that once cost more than they should, and files that are given."""
    from tests.diagnosis.adversarial import TEXTS

    captures = ROOT / "tests" / "diagnosis"
    paths = [*captures.glob("captures/*.txt"), *captures.glob("ktap/*"), *(ROOT / "data" / "cases").glob("*.md")]
    paths += [path for folder in folders for path in sorted(folder.iterdir())]
    made = [path.read_bytes()[: 1 << 20] for path in paths if path.is_file()]
    made += [_gunzipped(piece) for piece in made if piece[:2] == b"\x1f\x8b"]
    return made + [make(2_000).encode() for make in TEXTS.values()] + ODD


def _gunzipped(piece: bytes) -> bytes:
    try:
        return gzip.decompress(piece)[: 1 << 20]
    except (OSError, EOFError):
        return piece
