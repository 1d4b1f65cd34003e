"""CommonMark that strangers write, as HTML that harms nobody."""

from __future__ import annotations

import pytest

from catalog.templatetags import shown
from catalog.text import markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* `b`", "<p><em>a</em> <code>b</code></p>"),
        ("# A\n\n## B\n\n### C", "<h3>A</h3>\n<h3>B</h3>\n<h3>C</h3>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("a <img src=x onerror=alert(1)> b", "<p>a &lt;img src=x onerror=alert(1)&gt; b</p>"),
        ("<!-- a -->", "<p>&lt;!-- a --&gt;</p>"),
        ("[a](https://a.example)", '<p><a href="https://a.example" rel="noopener nofollow ugc">a</a></p>'),
        ("![a](https://a.example/a.png)", "<p></p>"),
    ],
)
def test_commonmark_becomes_html_and_html_becomes_text(text: str, html: str) -> None:
    assert markdown.html(text).strip() == html


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://a.example", "https://a.example"),
        ("See http://a.example/b_c_d/?x=1&y=2#z.", "http://a.example/b_c_d/?x=1&amp;y=2#z"),
        ("(at https://a.example/b_(c))", "https://a.example/b_(c)"),
        ("*https://a.example/*", "https://a.example/"),
        ("> https://lore.example/all/x@y.z/T/#u, and", "https://lore.example/all/x@y.z/T/#u"),
        ("- https://a.example/#fuse-writeback", "https://a.example/#fuse-writeback"),
    ],
)
def test_a_bare_address_is_a_link_that_nobody_is_paid_for(text: str, address: str) -> None:
    made = markdown.html(text, (("#fuse-writeback", "/cases/fuse-writeback/"),))
    assert f'<a href="{address}" rel="noopener nofollow ugc">{address}</a>' in made
    assert made.count("<a ") == 1


@pytest.mark.parametrize(
    "text",
    [
        *("https://", "https://...", "ahttps://b.example", "HTTP://a", "ftp://a.example", "javascript://a.example/%0a"),
        *("`https://a.example`", "    https://a.example", "mailto:a@b.example", "www.a.example"),
    ],
)
def test_what_is_no_address_or_is_code_stays_text(text: str) -> None:
    assert "<a " not in markdown.html(text)


@pytest.mark.parametrize("text", ["<https://a.example/>", "[https://b.example/](https://a.example/)"])
def test_an_address_in_a_link_makes_no_link_in_a_link(text: str) -> None:
    assert markdown.html(text).count("<a ") == 1


def test_a_table_scrolls_by_itself() -> None:
    made = markdown.html("| a |\n|---|\n| b |")
    assert made.startswith('<div class="scroll" tabindex="0"><table>') and made.strip().endswith("</table></div>")


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "&#106;avascript:alert(1)", "vbscript:a",
     "data:text/html,<script>", "file:///etc/passwd"],
)  # fmt: skip
@pytest.mark.parametrize("text", ["[a]({})", "[a](<{}>)", "<{}>", "[a][b]\n\n[b]: {}", "![a]({})"])
def test_no_link_leads_into_a_script(text: str, address: str) -> None:
    assert "<a href" not in markdown.html(text.format(address)).replace('<a href="java%09', "")
    assert "src=" not in markdown.html(text.format(address)).replace("&lt;", "")


def test_code_is_coloured_by_class_alone() -> None:
    made = markdown.html("```c\nint a = 1; /* <b> */\n```")
    assert '<span class="kt">int</span>' in made and 'class="language-c"' in made
    assert "&lt;b&gt;" in made and "style" not in made


def test_code_of_an_unknown_language_is_plain() -> None:
    assert '<code class="language-brainfuck">&lt;a&gt;\n</code>' in markdown.html("```brainfuck\n<a>\n```")
    assert "onclick" not in markdown.html('```c" onclick="x\na\n```').replace("&quot;", "")


def test_a_tables_alignment_leaves_no_style() -> None:
    made = markdown.html("|a|b|\n|:-|-:|\n|1|2|")
    assert "<td>1</td>" in made and "style" not in made


@pytest.mark.parametrize("piece", ["[", "![", "> ", "* ", "*a _b ", "[a](", "<a ", "|a", "`", "```c\n/*", "&#x"])
def test_huge_input_is_cut_and_answered(piece: str) -> None:
    made = markdown.html(piece * (200_000 // len(piece)))
    assert len(made) < 20 * markdown.MAX_CHARACTERS


def test_only_so_much_is_shown() -> None:
    assert "end" not in markdown.html("a" * markdown.MAX_CHARACTERS + "end")
    assert "end" in markdown.html("a" * (markdown.MAX_CHARACTERS - 3) + "end")


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One *and* only. Then more.", "One and only."),
        ("See [the page](https://a.example) of `x.c`. More.", "See the page of x.c."),
        ("mm/migrate.c e.g. this one? Yes.", "mm/migrate.c e.g. this one?"),
        ("No end", "No end"),
        ("Over\n  lines. More.", "Over lines."),
        ("1. Find it. Look twice.\n2. End it.", "Find it."),
        ("1. Find it\n   soon\n2. End it.", "Find it soon"),
        ("1. Run this:\n\n   ```\n   sync\n   ```\n", "Run this:"),
        ("- Wait. Try again.", "Wait."),
        ("6.12 is not affected. More.", "6.12 is not affected."),
        ("", ""),
    ],
)
def test_the_first_sentence_stands_alone_without_marks(text: str, first: str) -> None:
    assert shown.first_sentence(text) == first


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, ""), (0.0012, "1.2 ms"), (0.01, "0.01 s"), (0.214, "0.21 s"), (5.21, "5.2 s"), (83.4, "83 s")],
)
def test_seconds_have_two_digits_at_most(value: float | None, said: str) -> None:
    assert shown.seconds(value) == said


def test_words_bytes_shares_and_moments() -> None:
    assert (shown.word("hangs", "outcome"), shown.word("newer", "outcome")) == ("hangs", "unknown")
    assert shown.meaning("host", "environment") == "A machine in use."
    assert "does not know" in shown.meaning("x", "outcome")
    assert [shown.bytes_(n) for n in (999, 1_000, 2_500_000, 65_694_000_000, 9 * 10**15)] == [
        "999 B",
        "1.0 kB",
        "2.5 MB",
        "65.7 GB",
        "9000.0 TB",
    ]
    assert shown.percent(0.256) == "26 %"
    assert shown.moment(None) == ""
