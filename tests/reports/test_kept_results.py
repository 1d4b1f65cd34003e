"""A result with an address: shown before it is kept, redacted, bounded, for some days, gone when its maker says so."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from config import pruning
from people.models import Role, User
from reports.diagnose import keeping
from reports.diagnose.views import samples
from reports.models import Kept
from tests import builders

pytestmark = pytest.mark.django_db

TEXT = samples()["fuse-writeback-offline-7.3"] + "mount: /home/alice/data by alice@example.org\n"
BROWSER = {"Accept": "text/html"}


def client(who: User | None = None) -> Client:
    made = Client(headers=BROWSER)
    if who:
        made.force_login(who)
    return made


def keep(by: Client | None = None, **changed: Any) -> Any:
    return (by or client()).post("/diagnose/keep/", {"text": TEXT, "kernel": "", "agreed": "yes", **changed})


def key_in(page: str) -> str:
    found = re.search(r"shown this once: ([\w-]{32})", page)
    assert found, page
    return found[1]


def test_nothing_is_kept_before_its_maker_saw_what_would_be() -> None:
    page = keep(agreed="")
    assert page.status_code == 200 and not Kept.objects.exists()
    assert "alice@example.org" in page.text and "mail@hidden" in page.text and "after 30 days" in page.text
    assert client().post("/diagnose/", {"text": TEXT}).text.count('formaction="/diagnose/keep/"') == 1
    assert not Kept.objects.exists()


def test_the_text_comes_back_from_the_preview_as_it_was_sent() -> None:
    """What the form of the second step sends is what it was given, the blanks at its beginning too."""
    for given in ("  indented\nlog\n", "\n\nlog\n"):
        for address in ("/diagnose/keep/", "/diagnose/share/"):
            page = client().post(address, {"text": given, "kernel": ""}).text
            shown = re.search(r'<textarea name="text" hidden[^>]*>(.*?)</textarea>', page, re.DOTALL)
            assert shown and shown[1] == "&#10;" + given


def test_who_has_the_address_sees_the_verdict_and_the_redacted_text() -> None:
    builders.case("fuse-writeback", mechanism="writeback")
    address = keep()["Location"]
    page = client().get(address)
    assert "until a folio" in page.text and "folio_wait_writeback" in page.text
    assert "alice" not in page.text and b"alice" not in keeping.text_of(Kept.objects.get()).encode()
    assert 'name="robots" content="noindex, nofollow"' in page.text
    assert (page["X-Robots-Tag"], page["Cache-Control"]) == ("noindex, nofollow", "private, no-store")
    said = Client(headers={"Accept": "*/*"}).get(address)
    assert said["Content-Type"] == "text/plain; charset=utf-8" and said.text.startswith("Proved: ")
    assert said["X-Robots-Tag"] == "noindex, nofollow"


def test_the_kernel_that_its_maker_named_is_kept_with_it() -> None:
    text = "cma: __cma_alloc: reserved: alloc failed, req-size: 512 pages, ret: -16\n"
    for kernel, said in (("6.12.9", "tried ranges, and pages in them"), ("6.18.1", "its area is full, or")):
        assert said in client().get(keep(text=text, kernel=kernel)["Location"]).text


def test_the_page_asks_for_no_kernel_where_no_form_could_take_it() -> None:
    text = "[<0>] folio_wait_writeback+0x2b/0x80\n[<0>] migrate_pages_batch+0x37c/0xb80\n"
    assert 'form="paste"' not in client().get(keep(text=text)["Location"]).text


def test_its_key_is_shown_once_and_deletes_it() -> None:
    maker = client()
    address = keep(maker)["Location"]
    key = key_in(maker.get(address).text)
    assert key not in maker.get(address).text and key not in client().get(address).text
    assert Kept.objects.get().key != key
    for wrong in ("", "x" * 32, key[:-1], key + "x"):
        client().post(f"{address}delete", {"key": wrong})
        assert Kept.objects.exists()
    client().post(f"{address}delete", {"key": f" {key}\n"})
    assert not Kept.objects.exists() and client().get(address).status_code == 404


def test_the_key_of_one_deletes_no_other() -> None:
    maker = client()
    first = keep(maker)["Location"]
    key = key_in(maker.get(first).text)
    second = keep(maker)["Location"]
    client().post(f"{second}delete", {"key": key})
    assert Kept.objects.count() == 2


@pytest.mark.parametrize(
    ("role", "deletes"),
    [(Role.READER, False), (Role.CONTRIBUTOR, False), (Role.EDITOR, False), (Role.MAINTAINER, True)],
)
def test_without_its_key_maintainers_delete_it_and_whoever_kept_it_signed_in(role: Role, deletes: bool) -> None:
    alice = builders.person()
    address = keep(client(alice))["Location"]
    client(builders.person(role=role)).post(f"{address}delete")
    assert Kept.objects.exists() is not deletes
    client(alice).post(f"{address}delete")
    assert not Kept.objects.exists()


def test_nobody_deletes_a_strangers_by_being_nobody() -> None:
    address = keep()["Location"]
    client(builders.person()).post(f"{address}delete")
    client().post(f"{address}delete")
    assert Kept.objects.exists()


@pytest.mark.parametrize(("days", "there"), [(29, True), (31, False)])
def test_past_its_time_it_is_gone_at_once_and_its_row_at_night(days: int, there: bool) -> None:
    address = keep()["Location"]
    Kept.objects.update(at=timezone.now() - timedelta(days=days))
    assert client().get(address).status_code == (200 if there else 404)
    assert pruning.run(10)[0]["results"] == (0 if there else 1)
    assert Kept.objects.exists() is there


def test_where_it_is_kept_for_ever_it_stays(settings: Any) -> None:
    settings.KEEP_DAYS = {**settings.KEEP_DAYS, "results": 0}
    address = keep()["Location"]
    Kept.objects.update(at=timezone.now() - timedelta(days=4_000))
    assert client().get(address).status_code == 200 and pruning.run(10)[0]["results"] == 0
    assert "It stays," in keep(agreed="").text


@pytest.mark.parametrize(
    ("bound", "value", "says"),
    [
        ("MOST_OF_ONE", 1, "So much of yours"),
        ("MOST_BYTES_OF_ONE", len(TEXT) + 10, "So much of yours"),
        ("MOST", 1, "So many results"),
        ("MOST_BYTES", len(TEXT) + 10, "So many results"),
        ("MOST_OF_STRANGERS", 1, "more room for those who signed in"),
    ],
)
def test_each_bound_is_told_and_keeps_no_more(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int, says: str
) -> None:
    monkeypatch.setattr(keeping, bound, value)
    assert keep().status_code == 302
    again = keep()
    assert again.status_code == 400 and says in again.text and Kept.objects.count() == 1
    Kept.objects.update(at=timezone.now() - timedelta(days=31))
    assert keep().status_code == 302


def test_whoever_signed_in_has_room_where_strangers_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_OF_STRANGERS", 1)
    assert [keep().status_code, keep().status_code, keep(client(builders.person())).status_code] == [302, 400, 302]


def test_keeping_is_limited_and_looking_too(settings: Any) -> None:
    settings.LIMITS = {"share": (1, 3_600), "diagnose": (4, 60)}
    address = keep()["Location"]
    assert keep().status_code == 429 and Kept.objects.count() == 1
    assert [client().get(address).status_code for _ in range(3)] == [200, 200, 429]


def test_a_forged_form_keeps_and_deletes_nothing() -> None:
    address = keep()["Location"]
    strict = Client(enforce_csrf_checks=True)
    for path in ("/diagnose/keep/", f"{address}delete"):
        assert strict.post(path, {"text": TEXT, "agreed": "yes"}).status_code == 403
    assert Kept.objects.count() == 1


def test_what_is_too_large_or_empty_is_not_kept() -> None:
    assert keep(text="x" * ((1 << 20) + 1)).status_code == 413
    assert keep(text=" \n").status_code == 302 and not Kept.objects.exists()


def test_an_address_that_nobody_made_is_none() -> None:
    for answer in (client().get(f"/diagnose/kept/{uuid4()}/"), client().post(f"/diagnose/kept/{uuid4()}/delete")):
        assert answer.status_code == 404


def test_what_is_kept_never_becomes_markup() -> None:
    page = client().get(keep(text="<script>alert(1)</script>\n" + TEXT, kernel="<img src=x>")["Location"]).text
    assert "<script>alert" not in page and "<img src=x" not in page
