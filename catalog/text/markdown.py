"""CommonMark to HTML that is safe to show, whoever wrote it. Used for case files and for what people say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from html import unescape

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from catalog.documents import addresses, commands
from diagnosis.words.vocabulary import COMMANDS, look_up

MAX_CHARACTERS = 50_000
RICH_CHARACTERS = 8_000
_TAGS = {
    *("p", "br", "hr", "em", "strong", "code", "pre", "span", "blockquote", "ul", "ol", "li", "a", "del"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "div"),
}
_LANGUAGES = frozenset({"c", "diff", "bash", "sh", "python", "json", "yaml", "text"})
# `#slug` of a case, strategy or kernel, `@name` of a person; not within a word or an address.
MENTION = re.compile(r"((?<![\w/&])[#@][A-Za-z0-9](?:[\w.+~-]{0,120}[\w+])?)")
# A web address that stands in a text as it is. What a sentence puts behind it is cut off by `split_at_links`.
_ADDRESS = re.compile(r"(?<![\w/])(https?://[^\W_][^\s<>\"`]{0,1000})")
# What a document names beside that: a slug, a commit, a man page, a CVE. As code, a function of the kernel as well.
NAMED = re.compile(
    r"(?<![\w/@.-])(CVE-\d{4}-\d{4,7}|[0-9a-f]{12,40}|[a-z_][a-z0-9_]{1,40}\([2357]\)"
    r"|[a-z0-9]+(?:-[a-z0-9]+)+)(?![\w@/-]|\.\w)"
)
_FUNCTION = re.compile(r"([a-z_][a-z0-9_]{3,80})\(\)")
CROSS_REFERENCE = "https://elixir.bootlin.com/linux"
_BEHIND = ".,;:!?'*_~…"
_BRACKETS = (("(", ")"), ("[", "]"))
# Some lexers take time with the square of their input: 20,000 characters of brackets took 9 s.
COLOURED_CHARACTERS = 2_000


def _code(code: str, language: str, attributes: str) -> str:
    if language not in _LANGUAGES or (len(code) > COLOURED_CHARACTERS and language != "diff"):
        return ""
    try:
        return highlight(code, get_lexer_by_name(language), HtmlFormatter(nowrap=True))
    except ClassNotFound:
        return ""


def split_at_links(text: str) -> list[str]:
    """Text, web address, text, and so on, as `re.split` gives it: every second piece is an address."""
    pieces = _ADDRESS.split(text)
    for n in range(1, len(pieces), 2):
        address = pieces[n].rstrip(_BEHIND)
        while any(address.endswith(end) and address.count(end) > address.count(begin) for begin, end in _BRACKETS):
            address = address[:-1].rstrip(_BEHIND)
        pieces[n], pieces[n + 1] = address, pieces[n][len(address) :] + pieces[n + 1]
    return pieces


def _links(state: StateCore) -> None:
    """Web addresses, and words of the text that `links` names, lead there; code and links stay as they are.

    In a document (`source` is given) so does whatever is named: see `address_of`.
    """
    links: dict[str, str] = dict(state.env.get("links", ()))
    source: str = state.env.get("source", "")
    for block in state.tokens:
        made: list[Token] = []
        inside = 0
        for token in block.children or []:
            inside += {"link_open": 1, "link_close": -1}.get(token.type, 0)
            if inside or token.type not in ("text", "code_inline"):
                made.append(token)
            elif token.type == "text":
                made += _linked(token, links, source)
            else:
                address = address_of(token.content, links, source) if source else ""
                made += _link(token, address) if address else [token]
        if block.children is not None:
            block.children = made


def _linked(text: Token, links: dict[str, str], source: str) -> list[Token]:
    made = []
    for n, piece in enumerate(split_at_links(text.content)):
        if n % 2:
            made += _link(_text(piece), piece)
            continue
        for word in (NAMED if source else MENTION).split(piece):
            address = links.get(word, "") or (address_of(word, links, source) if source else "")
            made += _link(_text(word), address) if address else [_text(word)]
    return made


def address_of(word: str, links: dict[str, str], source: str) -> str:
    """Where a word of a document leads: a slug in the catalog, a commit, a man page, a CVE, a function in the kernel's
    source of the release `source`. '' for every other word."""
    if word in links:
        return links[word]
    if re.fullmatch(r"[0-9a-f]{12,40}", word) and not word.isalpha() and not word.isdigit():
        return addresses.of_commit(word, tree="")  # nothing says of which
    if re.fullmatch(r"CVE-\d{4}-\d{4,7}", word):
        return f"https://www.cve.org/CVERecord?id={word}"
    if page := re.fullmatch(r"([a-z_][a-z0-9_]{1,40})\(([2357])\)", word):
        return f"https://man7.org/linux/man-pages/man{page[2]}/{page[1]}.{page[2]}.html"
    if function := _FUNCTION.fullmatch(word):
        return f"{CROSS_REFERENCE}/{source}/A/ident/{function[1]}"
    return ""


def _text(word: str) -> Token:
    return Token("text", "", 0, content=word)


def _link(shown: Token, address: str) -> list[Token]:
    return [Token("link_open", "a", 1, attrs={"href": address}), shown, Token("link_close", "a", -1)]


def _fence(self: RendererHTML, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
    """Code, below what it does to the machine of whoever runs it."""
    block = self.fence(tokens, idx, options, env)
    mark = commands.does(tokens[idx].info, tokens[idx].content) if env.get("marked") else ""
    if not mark:
        return block
    label = look_up(COMMANDS, mark).label if mark in COMMANDS else "nobody has said what this does"
    return f'<p class="does {mark}">{label}</p>\n{block}'


_SCROLL = (
    ("pre", '<pre tabindex="0">', "</pre>"),
    ("table", '<div class="scroll" tabindex="0"><table>', "</table></div>"),
)
_OPTIONS = {"html": False, "linkify": False, "maxNesting": 20}
_RICH = MarkdownIt("commonmark", {**_OPTIONS, "highlight": _code}).enable("table")
_PLAIN = MarkdownIt("commonmark", _OPTIONS)
for _reader in (_RICH, _PLAIN):
    _reader.core.ruler.push("links", _links)
    _reader.add_render_rule("fence", _fence)


def blocks(text: str) -> list[tuple[str, str]]:
    """The paragraphs, quotes, lists and so on that a text is made of, in order: what each is, and its lines.

    What it is, as CommonMark has it: paragraph, blockquote, bullet_list, ordered_list, fence, code_block, heading, hr.
    """
    whole = text[:MAX_CHARACTERS].replace("\r\n", "\n").replace("\r", "\n")
    lines = whole.split("\n")
    outer = [token for token in _PLAIN.parse(whole) if token.level == 0 and token.nesting >= 0]
    spans = [(token.type.removesuffix("_open"), token.map) for token in outer if token.map]
    return [(kind, "\n".join(lines[start:end]).strip("\n")) for kind, (start, end) in spans]


def spoken(text: str) -> str:
    """The words of a text as they are read, in one line: what can be selected where it is shown."""
    return " ".join(unescape(nh3.clean(html(text), tags=set())).split())


@lru_cache(maxsize=512)
def html(text: str, links: tuple[tuple[str, str], ...] = (), marked: bool = False, source: str = "") -> SafeString:
    """At most MAX_CHARACTERS of CommonMark as sanitised HTML. Raw HTML in it is shown as text.

    links: words that begin with # or @, each with the address that it leads to.
    marked: the text is the catalog's, so that what it says of its commands is shown above them. What strangers say
    carries no such mark, as it would read like the site's own word.
    source: the text is a document, so that what it names are links; functions are looked up in this release.
    A text over RICH_CHARACTERS gets neither colours nor tables, so that what one costs stays bounded.
    """
    made = (_RICH if len(text) <= RICH_CHARACTERS else _PLAIN).render(
        text[:MAX_CHARACTERS], {"links": links, "marked": marked, "source": source}
    )
    made = re.sub(r"<(/?)h[12]>", r"<\1h3>", made)
    clean = nh3.clean(
        made,
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "code": {"class"}, "span": {"class"}, "p": {"class"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener nofollow ugc",
    )
    # What scrolls can be reached by the keyboard.
    for tag, open_, close in _SCROLL:
        clean = clean.replace(f"<{tag}>", open_).replace(f"</{tag}>", close)
    return mark_safe(clean)  # noqa: S308 - cleaned on the lines above
