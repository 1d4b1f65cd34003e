"""A discussion of any length is a page of bounded length."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from discussion.comments import threads, views
from discussion.models import Comment
from tests import builders

pytestmark = pytest.mark.django_db


def test_a_long_discussion_comes_in_pages_and_each_comment_is_on_one(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "COMMENTS_SHOWN", 3)
    case, jane = builders.case().document, builders.person()
    said = [threads.say(case, jane, f"Said {n}.") for n in range(8)]
    threads.say(case, jane, "An answer.", said[0])
    here = case.get_absolute_url()
    seen, path = [], here
    while path:
        text = client.get(path).content.decode()
        seen.append(re.findall(r'<article class="comment[^"]*" id="c(\d+)"', text))
        more = re.search(r'href="(\?before=\d+)#discussion"', text)
        path = here + more[1] if more else ""
    every = sorted(int(pk) for page in seen for pk in page)
    assert [len(page) for page in seen] == [3, 3, 3] and every == list(
        Comment.objects.order_by("pk").values_list("pk", flat=True)
    )
    assert "The latest comments" in text and "Earlier" not in text
    for comment in Comment.objects.all():
        place = client.get(comment.permalink)["Location"].partition("#")
        assert f'id="c{comment.pk}"' in client.get(place[0]).content.decode() and place[2] == f"c{comment.pk}"


@pytest.mark.parametrize("before", ["", "x", "-1", "9" * 30, "٣", "0"])
def test_a_page_that_is_none_is_a_page_all_the_same(client: Client, before: str) -> None:
    case = builders.case().document
    threads.say(case, builders.person(), "Said.")
    assert client.get(f"{case.get_absolute_url()}?before={before}").status_code == 200
