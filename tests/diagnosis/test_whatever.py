"""Whatever is pasted: no exception, places inside the text, output that stays in proportion.

`DIAGNOSE_EXAMPLES=100000 pytest tests/diagnosis/test_whatever.py` looks for longer.
"""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.diagnosis.corpus import CAPTURES
from tests.fuzz.fuzz_diagnose import check

EXAMPLES = int(os.environ.get("DIAGNOSE_EXAMPLES", "80"))
LINES = sorted({line for path in CAPTURES.glob("*.txt") for line in path.read_text().splitlines()[:60]})
WORDS = sorted({word for line in LINES for word in line.split()})
PREFIXES = (
    "",
    "[    1.000000] ",
    "[    1.000000][  T12] ",
    "<4>",
    "> ",
    "Nov 23 00:12:01 box kernel: ",
    "\x1b[33m",
    "  ",
)
ENDS = ("\n", "\r\n", "\n\n", "=\n", "<br>", "", " ")

damaged = st.builds(
    lambda line, start, end, middle: line[start:end] + middle,
    st.sampled_from(LINES),
    st.integers(0, 40),
    st.integers(1, 200),
    st.one_of(st.just(""), st.text(max_size=12), st.sampled_from(WORDS)),
)
pieces = st.one_of(st.sampled_from(LINES), damaged, st.text(max_size=40), st.sampled_from(WORDS))
texts = st.lists(st.tuples(st.sampled_from(PREFIXES), pieces, st.sampled_from(ENDS)), max_size=25).map(
    lambda parts: "".join("".join(part) for part in parts)
)


@settings(max_examples=EXAMPLES)
@given(texts)
def test_any_text_made_of_a_logs_pieces_is_read(text: str) -> None:
    check(text.encode("utf-8", "surrogatepass"))


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=600))
def test_any_bytes_are_read(data: bytes) -> None:
    check(data)
