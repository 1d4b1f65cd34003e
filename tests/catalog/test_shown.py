"""How values are written on pages."""

from __future__ import annotations

import pytest

from catalog.templatetags.shown import ticked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The task that wrote `offline`.", "The task that wrote <code>offline</code>."),
        ("`a` and `b`", "<code>a</code> and <code>b</code>"),
        ("One ` alone.", "One ` alone."),
        ("`<b>` <script>", "<code>&lt;b&gt;</code> &lt;script&gt;"),
        ("`no\nend`", "`no\nend`"),
    ],
)
def test_names_in_a_sentence_are_code_and_all_else_is_text(text: str, shown: str) -> None:
    assert ticked(text) == shown
