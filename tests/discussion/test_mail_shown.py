"""Threads of the list as their pages show them: addresses, subjects, quotes, trailers, and the way back to the list."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client

from discussion.mail import importer, letters
from discussion.models import Message
from tests import builders
from tests.discussion.mailbox import DIFF, PEOPLE, large, mail, mbox
from tests.pages import on_one_line

pytestmark = pytest.mark.django_db


def take(*mails: bytes) -> None:
    importer.take(letters.read(mbox(*mails)))


@pytest.fixture
def thread_page() -> Callable[..., str]:
    def page(path: str = "/mail/a@example.org/", client: Client | None = None) -> str:
        return (client or Client()).get(path).content.decode()

    return page


def test_addresses_are_half_hidden_from_strangers(thread_page: Callable[..., str]) -> None:
    take(
        mail(
            "a",
            text="Ask dora@example.org, or see https://lore.example/all/x@y.org/\n\n" + DIFF + "+ fay@example.org\n",
        )
    )
    text = thread_page()
    for address in ("ann@example.org", "dora@example.org", "fay@example.org"):
        assert address not in text
    assert "do…@example.org" in text and "linux-mm@kvack.org" in text
    assert 'href="https://lore.example/all/x@y.org/"' in text
    client = Client()
    client.force_login(builders.person())
    assert "dora@example.org" in thread_page(client=client) and "ann@example.org" in thread_page(client=client)


def test_a_reply_goes_to_the_list_with_its_in_reply_to(thread_page: Callable[..., str]) -> None:
    take(mail("a", by=PEOPLE[1]))
    stranger = "mailto:linux-mm@kvack.org?In-Reply-To=%3Ca%40example.org%3E&amp;Cc=linux-fsdevel%40vger.kernel.org"
    assert stranger in thread_page()
    client = Client()
    client.force_login(builders.person())
    known = "mailto:ben@example.net?In-Reply-To=%3Ca%40example.org%3E&amp;Cc=linux-mm%40kvack.org%2Cann%40example.org"
    assert known in thread_page(client=client)


def test_the_list_comes_first_on_a_case_whose_text_links_to_it() -> None:
    builders.case(links=[{"kind": "message", "ref": "a@example.org", "title": "The question"}])
    text = Client().get("/cases/fuse-writeback/").content.decode()
    place = text.index('id="discussion"')
    assert place < text.index(f'href="{settings.ARCHIVE}a@example.org/#R"') < text.index("No comments yet")
    assert "mailto:" not in text, "neither subject nor recipients of a letter that is not here are known"
    take(mail("a", subject="What it is about"))
    text = Client().get("/cases/fuse-writeback/").content.decode()
    assert '<a class="title" href="/mail/a@example.org/">What it is about</a>' in text


def test_trailers_are_shown_by_version_with_their_letter_and_never_added_up() -> None:
    strategy = builders.strategy()
    mails, _ = large()
    importer.take(letters.read(mbox(*mails)), [strategy.document])
    text = on_one_line(Client().get("/strategies/a-strategy/"))
    trailers = text[text.index("Trailers in this mail") :].split("</details>")[0]
    groups = trailers.split("<h4>")[1:]
    assert [group[:2] for group in groups] == ["v4", "v3", "v2", "v1"]
    assert "Ann Example" in groups[0] and "carried by v4 1/3" in groups[0] and "Chie" in groups[0]
    assert all("carried" not in group for group in groups[1:])
    assert 'href="/mail/answer-7@example.org/"' in groups[3]
    assert "Nacked-by" not in trailers
    take(mail("nack", "v3-1", text="Nacked-by: Dora <dora@example.com>\n> Acked-by: Not Her <not@example.com>\n"))
    groups = on_one_line(Client().get("/strategies/a-strategy/")).split("<h4>")[1:]
    assert "Nacked-by:</b> Dora" in groups[1] and "in a letter of Ann Example" in groups[1]
    assert "Not Her" not in "".join(groups)


def test_long_quotes_are_folded_and_diffs_coloured(thread_page: Callable[..., str]) -> None:
    quote = "".join(f"> line {n}\n" for n in range(12))
    take(mail("a", text=f"{quote}\nIndeed. <script>\n\n{DIFF}-- \n2.43.0\n", subject="[PATCH v2 3/7] mm: x"))
    text = thread_page()
    assert "8 quoted lines" in text and '<span class="tag">v2 3/7</span>' in text
    assert '<span class="gi">+new\n</span>' in text and "&lt;script&gt;" in text and "<script>" not in text


@pytest.mark.parametrize(
    ("subject", "is_same"),
    [
        *[(f"{re}A question", True) for re in ("", "Re: ", "RE:", "re: Re: ", "Aw: ", "Re[2]: ", "答复\uff1a ")],
        *[(words, False) for words in ("Another one", "Fwd: A question", "A question (was: more)", "Re: A: question")],
    ],
)
def test_a_subject_is_told_where_it_is_another(subject: str, is_same: bool, thread_page: Callable[..., str]) -> None:
    take(mail("a"), mail("b", "a", subject=subject, minutes=1), mail("c", "b", subject=f"Re: {subject}", minutes=2))
    page = thread_page()
    assert told(page) == ([] if is_same else [subject])
    assert page.count("<h1>A question</h1>") == 1 and page.count("<h2>Ann Example</h2>") == 3


def told(page: str) -> list[str]:
    return re.findall('<p class="subject">([^<]*)</p>', page)


def test_a_subject_is_told_again_after_another_one_and_at_the_top_of_a_page(thread_page: Callable[..., str]) -> None:
    answers = [mail(f"b{n:02}", "a", subject="Re: Another", minutes=n + 1) for n in range(60)]
    take(mail("a"), *answers, mail("last", "a", subject="Re: A question", minutes=99))
    assert told(thread_page()) == ["Re: Another"]
    assert told(thread_page("/mail/a@example.org/?page=2")) == ["Re: Another", "Re: A question"]


def test_the_pages_of_a_thread_stand_above_and_below_by_names_of_their_own(thread_page: Callable[..., str]) -> None:
    mails, _ = large()
    take(*mails)
    page = thread_page("/mail/topic@example.org/?page=2")
    assert re.findall('<nav class="row page-numbers" aria-label="([^"]*)">', page) == ["Pages, above", "Pages, below"]
    assert page.count('<b aria-current="page">2</b>') == 2


def test_a_single_address_is_not_folded(thread_page: Callable[..., str]) -> None:
    take(mail("a", Cc=""))
    assert '<p class="small muted">To linux-mm@kvack.org</p>' in thread_page()


def test_a_letter_further_down_leads_to_its_page(thread_page: Callable[..., str]) -> None:
    mails, _ = large()
    take(*mails)
    last = Message.objects.get(message_id="last-199@example.org")
    assert Client().get("/mail/last-199@example.org/")["Location"] == f"/mail/topic@example.org/?page=5#m{last.pk}"
    assert f'id="m{last.pk}"' in thread_page("/mail/topic@example.org/?page=5")
    for path in ("/mail/none@example.org/", "/mail/topic@example.org/?page=0", "/mail/topic@example.org/?page=x"):
        assert Client().get(path).status_code == 404
