"""The page of a case: what answers first, what is folded, what its texts name, and what it looks like elsewhere."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from PIL import Image

from catalog.documents import commands
from catalog.documents.parser import parse
from catalog.documents.schema import CaseText
from catalog.management.commands import read_maintainers
from catalog.models import Document
from catalog.models.text import State
from catalog.pages.case_page import cc, now, share, steps
from tests import builders
from tests.catalog.test_measured import tally

FILES = sorted(Path("data/cases").glob("*.md"))
CONTINUED = " \\\n    "  # how a shell reads on
LONG = "It matters. " + "More of it follows here, and on it goes. " * 12
STEPS = f"""First this.

1. Look at it. {LONG}

   ```sh reads
   cat /proc/PID/stack
   ```

2. Abort it. {LONG}

   ```sh loses_data
   echo 1 | sudo tee /sys/fs/fuse/connections/$N/abort
   ```

3. Nothing else.

Afterwards bound it. {LONG}
"""


def page(path: str = "/cases/fuse-writeback/") -> str:
    answer = Client().get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def texts() -> list[CaseText]:
    made = [parse(path.read_text()) for path in FILES]
    return [text for text in made if isinstance(text, CaseText)]


def test_a_long_way_out_is_seen_at_once_step_by_step_and_loses_no_word() -> None:
    made = steps.steps(STEPS)
    assert made and made.before == "First this."
    assert [(step.head, [word.slug for word in step.does]) for step in made.steps] == [
        ("Look at it.", ["reads"]),
        ("Abort it.", ["loses_data"]),
        ("Nothing else.", []),
    ]
    assert made.after and made.after.head == "Afterwards bound it."
    assert steps.steps(STEPS[:200]) is None and steps.steps("Words. " * 400) is None


@pytest.mark.parametrize("text", texts(), ids=lambda text: text.case)
def test_of_our_own_texts_no_word_is_lost_either(text: CaseText) -> None:
    whole = text.sections["What to do now"]
    made = steps.steps(whole)
    if made is not None:
        parts = [made.before, *(f"{one.head} {one.body}" for one in (*made.steps, *filter(None, [made.after])))]
        numbered = re.sub(r"(?m)^\d+\. ", "", whole)
        assert " ".join(" ".join(parts).split()) == " ".join(numbered.split())


@pytest.mark.parametrize(
    ("paragraph", "head"),
    [
        ("One. Two. Three.", "One."),
        ("See `a. B` there. Then.", "See `a. B` there."),
        ("No end of it", "No end of it"),
        ("Of 7.3.4 it is said. Then.", "Of 7.3.4 it is said."),
        ("A [link. To](x) here. Then.", "A [link. To](x) here."),
    ],
)
def test_a_sentence_is_not_cut_within_code_or_a_link(paragraph: str, head: str) -> None:
    first, rest = steps.sentences(paragraph, 1)
    assert first == head and f"{first} {rest}".strip() == paragraph


@pytest.mark.django_db
def test_what_to_do_comes_first_and_the_contents_say_how_much_there_is() -> None:
    trees = [{"tree": "mainline", "change": "introduced", "release": "6.16", "known_by": "mail"}]
    claims = [{"id": "one", "text": "It waits.", "standing": "disputed", "source": {"kind": "source", "ref": "mm/migrate.c", "title": "There"}}]  # fmt: skip  # noqa: E501
    case = builders.case(body=f"It *waits*.\n\n## What holds it\n\nA flag.\n\n## What to do now\n\n{STEPS}", trees=trees, claims=claims)  # fmt: skip  # noqa: E501
    tally(case, runs=3)
    text = page()
    order = ["what-to-do-now", "kernels", "evidence", "what-holds-it", "strategies", "claims", "discussion", "revision"]
    places = [text.index(f'<section id="{anchor}"') for anchor in order]
    assert places == sorted(places)
    listed = re.findall(r'<a href="#([\w-]+)">([^<]+?)(?: <b>([^<]+)</b>)?</a>', text)
    assert [anchor for anchor, _, _ in listed] == [*order[:-1], "subsystems", "revision"]
    assert {anchor: count for anchor, _, count in listed}.items() >= {
        ("what-to-do-now", "3"), ("evidence", "3 runs"), ("claims", "1 disputed"), ("kernels", "2")
    }  # fmt: skip
    assert text.index('class="contents') < text.index('class="crumb"'), "the first stop of the tab key"


@pytest.mark.django_db
@pytest.mark.parametrize(("probe", "said"), [("fuse-writeback", "probe.pyz run fuse-writeback --on-this-host"), (None, "No probe makes it yet")])  # fmt: skip  # noqa: E501
def test_a_case_that_nobody_measured_says_so_in_a_line_with_the_command(probe: str | None, said: str) -> None:
    builders.case(body="It waits.\n\n## Reproduce it\n\nSo.", probe=probe)
    evidence = page().partition('<section id="evidence">')[2].partition("</section>")[0]
    assert "Not measured here yet." in evidence and said in evidence
    assert "<table" not in evidence and "<div" not in evidence


@pytest.mark.django_db
def test_what_a_document_names_is_a_link_where_it_can_be_nothing_else() -> None:
    builders.case("page-lock", short="A lock", aliases=["old-lock"])
    builders.strategy("a-timeout", cases=("page-lock",))
    body = (
        "See page-lock, old-lock, `page-lock`, a-timeout, no-such-case and fuse-writeback. Commit 0c58a97f919c, "
        "CVE-2024-26821, move_pages(2), `folio_wait_writeback()`, `folio_wait_writeback` and 123456789012; "
        "a/page-lock, page-lock.c, x(99)."
    )
    builders.case(body=f"Sum.\n\n## What holds it\n\n{body}", trees=[{"tree": "7.3", "change": "present", "known_by": "source"}])  # fmt: skip  # noqa: E501
    holds = page().partition('<section id="what-holds-it">')[2].partition("</section>")[0]
    found = re.findall(r'<a href="([^"]+)"[^>]*>(.*?)</a>', holds)
    assert found == [
        ("/cases/page-lock/", "page-lock"),
        ("/cases/page-lock/", "old-lock"),
        ("/cases/page-lock/", "<code>page-lock</code>"),
        ("/strategies/a-timeout/", "a-timeout"),
        ("https://git.kernel.org/stable/c/0c58a97f919c", "0c58a97f919c"),
        ("https://www.cve.org/CVERecord?id=CVE-2024-26821", "CVE-2024-26821"),
        ("https://man7.org/linux/man-pages/man2/move_pages.2.html", "move_pages(2)"),
        ("https://elixir.bootlin.com/linux/v7.3/A/ident/folio_wait_writeback", "<code>folio_wait_writeback()</code>"),
    ]
    assert re.search(r'Mentioned in:\s*<a href="/cases/fuse-writeback/">', page("/cases/page-lock/"))


@pytest.mark.django_db
def test_the_name_of_a_draft_is_no_link_for_strangers() -> None:
    builders.case("a-draft")
    builders.case(body="See a-draft.")
    assert 'href="/cases/a-draft/"' in page()
    Document.objects.filter(slug="a-draft").update(state=State.DRAFT)
    assert 'href="/cases/a-draft/"' not in page()


@pytest.mark.django_db
def test_whom_to_cc_is_from_maintainers_with_its_version() -> None:
    builders.case(subsystems=["FUSE", "mm/migrate", "nobody knows this"])
    text = page()
    assert "Cc: linux-fsdevel@vger.kernel.org, linux-mm@kvack.org" in text
    assert "FUSE: FILESYSTEM IN USERSPACE" in text and "linux-source-" in text
    assert cc.of(["nobody knows this"]) is None


def test_maintainers_is_read_as_get_maintainer_reads_it() -> None:
    text = """Descriptions

Maintainers List
----------------

ALPHA
M:\tSomebody <somebody@example.org>
L:\talpha@lists.example.org (moderated for non-subscribers)
L:\tsecret@lists.example.org (subscribers-only)
F:\tfs/alpha/
X:\tfs/alpha/old.c

ALL FILE SYSTEMS
L:\tfs@lists.example.org
F:\tfs/*

THE REST
L:\teverybody@lists.example.org
F:\t*
F:\t*/
"""
    sections = list(read_maintainers.read(text))
    alpha = {"section": "ALPHA", "lists": ["alpha@lists.example.org"]}
    assert read_maintainers.covering(sections, "fs/alpha/file.c") == [alpha]
    assert read_maintainers.covering(sections, "fs/alpha/old.c") == []
    assert read_maintainers.covering(sections, "fs/one.c") == [{"section": "ALL FILE SYSTEMS", "lists": ["fs@lists.example.org"]}]  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("text", texts(), ids=lambda text: text.case)
def test_now_is_ascii_of_eighty_columns_and_its_commands_are_what_they_were(text: CaseText) -> None:
    made = now.plain(text, f"/cases/{text.case}/", True)
    assert made.isascii() and made.endswith("\n") and text.case in made
    wide = [line for line in made.splitlines() if len(line) > now.COLUMNS]
    code = re.findall(r"```(\w*.*)\n([\s\S]*?)```", text.sections.get("What to do now", ""))
    whole = {line.strip() for _, body in code for line in body.splitlines()}
    assert all(line.strip() in {now.ascii_(one) for one in whole} for line in wide), "only a command may be wider"
    for info, body in code:
        if commands.does(info, body) and "<<" not in body:
            lines = body.rstrip("\n").split("\n")
            assert "\n".join(now.broken(lines, 60)).replace(CONTINUED, " ") == "\n".join(lines)


def test_a_command_is_broken_between_words_and_never_within_quotes() -> None:
    words = "sudo some-command --with " + " ".join(f"--option-{n}" for n in range(12))
    broken = now.broken([words], 70)
    assert len(broken) > 1 and all(len(line) <= 70 for line in broken)
    assert all(line.endswith(" \\") for line in broken[:-1]) and "\n".join(broken).replace(CONTINUED, " ") == words
    quoted = ["awk '" + "a word " * 20, "more of it " * 20 + "'", "# " + "a comment " * 20]
    assert now.broken(quoted, 70) == quoted
    assert now.broken(["x" * 100], 70) == ["x" * 100]


@pytest.mark.django_db
def test_now_is_plain_text_with_what_each_command_does() -> None:
    builders.case(body=f"It waits.\n\n## What to do now\n\n{STEPS}")
    answer = Client().get("/cases/fuse-writeback/now")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    text = answer.content.decode()
    assert "1. Look at it." in text and "   [reads only]\n     cat /proc/PID/stack" in text and "[LOSES DATA]" in text
    assert Client().get("/cases/nothing/now").status_code == 404
    builders.case("bare")
    assert "Nothing is known that helps at once." in Client().get("/cases/bare/now").content.decode()


@pytest.mark.django_db
def test_a_case_has_a_title_a_sentence_and_a_picture_elsewhere(django_assert_num_queries: object) -> None:
    case = builders.case(short="FUSE, silent", body="It *waits* for `FUSE_WRITE`. " + "And on. " * 40)
    tally(case, "7.3.4")
    text = page()
    assert '<meta property="og:title" content="FUSE, silent">' in text
    described = re.search(r'og:description" content="([^"]+)"', text)
    assert described and described[1].startswith("It *waits* for FUSE_WRITE.")
    assert len(described[1]) <= share.DESCRIPTION + 2 and "`" not in described[1]
    image = re.search(r'og:image" content="([^"]+)"', text)
    assert image and image[1] == f"{settings.SITE_URL}/cases/fuse-writeback/card.png"
    answer = Client().get("/cases/fuse-writeback/card.png")
    assert answer["Content-Type"] == "image/png" and Image.open(BytesIO(answer.content)).size == (1200, 630)
    assert len(answer.content) < 60_000
    before = answer.content
    tally(case, "6.12.95", "moves")
    assert Client().get("/cases/fuse-writeback/card.png").content != before, "it follows what is measured"
    assert Client().get("/cases/nothing/card.png").status_code == 404


@pytest.mark.django_db
def test_a_hostile_title_draws_a_bounded_picture_too() -> None:
    builders.case(title="W" * 300, trees=[{"tree": f"6.{n}", "change": "fixed", "release": "9" * 200, "known_by": "source"} for n in range(60)])  # fmt: skip  # noqa: E501
    answer = Client().get("/cases/fuse-writeback/card.png")
    assert answer.status_code == 200 and len(answer.content) < 100_000


@pytest.mark.django_db
def test_what_nobody_reviewed_has_no_preview_and_is_not_in_the_sitemap() -> None:
    builders.case()
    builders.strategy()
    client = Client()
    client.force_login(builders.person(role="contributor"))
    form = {"holds": "A reference of the ring keeps every page.", "mechanism": "extra_reference", "controllers": ["kernel"], "title": "A ring", "link": "https://docs.kernel.org/mm/"}  # fmt: skip  # noqa: E501
    assert client.post("/cases/new/", form)["Location"] == "/cases/a-ring/"
    assert "og:" not in page("/cases/a-ring/") and Client().get("/cases/a-ring/card.png").status_code == 404
    listed = re.findall(r"<loc>([^<]+)</loc>", Client().get("/sitemap.xml").content.decode())
    assert (
        f"{settings.SITE_URL}/cases/fuse-writeback/" in listed
        and f"{settings.SITE_URL}/strategies/a-strategy/" in listed
    )
    assert not any("a-ring" in one for one in listed)
    assert all(Client().get(one.removeprefix(settings.SITE_URL)).status_code == 200 for one in listed)
    assert f"Sitemap: {settings.SITE_URL}/sitemap.xml" in Client().get("/robots.txt").content.decode()
