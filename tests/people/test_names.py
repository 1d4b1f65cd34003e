"""Names that are the site's own: whoever had one would own a machine that the site trusts, and read what it sends."""

from __future__ import annotations

from importlib import import_module
from io import StringIO

import pytest
from allauth.account.adapter import get_adapter
from django.apps import apps
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client

from catalog.models.text import Origin
from catalog.revisions import store
from discussion.comments import threads
from people.access import machines
from people.models import OURS, Machine, Role, User
from reports.diagnose import sharing
from reports.models import Report, Shared
from reports.recorded import files
from tests import builders
from tests.reports.test_sharing import client, share

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_cache(db: None) -> None:
    """Limits of the account pages count in the cache."""
    cache.clear()


@pytest.mark.parametrize("name", [*OURS, "Recorded", "left-7", "LEFT-12"])
def test_nobody_takes_a_name_of_the_sites_own(name: str) -> None:
    given = {"username": name, "email": "eve@example.org", "password1": "a long password"}
    assert Client().post("/account/signup/", given).status_code == 200
    assert not User.objects.filter(username__iexact=name).exists()
    assert Client().post("/account/signup/", {**given, "username": "eve"}).status_code == 302
    with pytest.raises(ValidationError):  # as an account of another site brings it
        get_adapter().clean_username(name, shallow=True)


def test_nobody_adds_a_machine_of_the_sites_own() -> None:
    eve = builders.person()
    with pytest.raises(ValidationError):
        machines.add(sharing.SENDER, eve)
    answer = client(eve).post("/machines/", {"name": sharing.SENDER})
    assert answer.status_code == 422
    assert not Machine.objects.exists()
    assert client(eve).post("/machines/", {"name": "eves-box"}).status_code == 200


def test_where_somebody_has_the_name_already_nothing_is_handed_to_them() -> None:
    eve = builders.person()
    Machine.objects.create(name=sharing.SENDER, owner=eve)
    share()
    shared = Shared.objects.get()
    editor = builders.person(role=Role.EDITOR)
    client(editor).post(f"/shared/{shared.pk}/decide", {"act": "take"})
    assert Shared.objects.waiting().count() == 1 and not Report.objects.exists()
    Machine.objects.filter(owner=eve).update(name="eves-box")
    client(editor).post(f"/shared/{shared.pk}/decide", {"act": "take"})
    assert not Shared.objects.waiting().exists() and Report.objects.get().machine.owner.username == sharing.SENDER


def test_what_was_recorded_here_does_not_become_somebodys() -> None:
    name = next(files.every()).machine
    Machine.objects.create(name=name, owner=builders.person())
    err = StringIO()
    call_command("load_recorded", stderr=err, stdout=StringIO())  # and does not keep the site from starting
    assert f"NOT LOADED: the machine {name} is somebody's" in err.getvalue() and Report.objects.exists()
    assert not Report.objects.filter(machine__name=name).exists()


def test_a_person_has_a_bounded_number_of_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "MOST_NEW", 2)
    eve = builders.person()
    codes = [client(eve).post("/machines/", {"name": f"box-{n}"}).status_code for n in range(3)]
    assert codes == [200, 200, 422] and eve.machines.count() == 2
    assert machines.add("box-0", eve)  # a further token for one of them
    keeper = builders.person(role=Role.MAINTAINER)
    assert all(machines.add(f"lab-{n}", keeper) for n in range(3))


@pytest.mark.parametrize("token", ["²", "9" * 5_000, "-1", "x"])
def test_a_token_that_is_none_is_404(token: str) -> None:
    eve = builders.person()
    machines.add("eves-box", eve)
    assert client(eve).post("/machines/eves-box/token", {"token": token, "act": "revoke"}).status_code == 404


@pytest.mark.parametrize("path", ["/people/%00/", "/machines/%00/", "/people/eve%00x/"])
def test_a_name_that_cannot_be_is_404(path: str) -> None:
    assert Client().get(path).status_code == 404


PLAIN = ["Jane Doe", "Gabriele Mößner-Ärgerlich", "Steven R. (Google)", "Иван Петров", "李小龍", "Amos Root", "O’Neil"]
TAKEN = ["joe", "JOE", "Ｊｏｅ", "Jane (joe)", "Jane @joe", "Jane Doe ( joe )"]
OFFICIAL = [
    "maintainer",
    "The Maintainers",
    "Site admin",
    "MODERATOR",
    "ｍａｉｎｔａｉｎｅｒ",
    "unmigratable",
    "root",
    "Editor",
]
UNSEEN = [
    "Jane\u200bDoe",
    "\u3164",
    "J\u2060oe",
    "Ja\u00adne",
    "Jane\ufe0f",
    "\u2800",
    "Jane\U000e0041",
    "J" + "\u0301" * 4,
]


@pytest.mark.parametrize("name", [*PLAIN, *TAKEN, *OFFICIAL, *UNSEEN, "J" * 101, "mаintainer", "123", "jοe"])
def test_a_name_reads_as_what_it_is_and_as_nobody_elses(name: str) -> None:
    eve, _ = builders.person("eve"), builders.person("joe")
    assert client(eve).post("/account/", {"kernel_name": name}).status_code == (302 if name in PLAIN else 422)
    eve.refresh_from_db()
    assert eve.kernel_name == (name if name in PLAIN else "")


@pytest.mark.parametrize("tail", ["/cases/fuse-writeback/", "/people/eve/", "history/", "discussion.atom"])
def test_the_username_stands_beside_the_name_wherever_that_is_shown(tail: str) -> None:
    eve = builders.person("eve")
    User.objects.filter(pk=eve.pk).update(kernel_name="Jane Doe")
    eve.refresh_from_db()
    case = store.save(builders.case_text(), origin=Origin.SITE, author=eve).document
    threads.say(case, eve, "Hello.")
    path = tail if tail.startswith("/") else f"/cases/fuse-writeback/{tail}"
    text = Client().get(path).content.decode()
    assert "Jane Doe (eve)" in text and text.count("Jane Doe") == text.count("Jane Doe (eve)")


def test_names_of_before_the_rule_are_put_right() -> None:
    given = {"a": "Jane\u200b Doe", "b": "Maintainer", "c": "Jane Doe", "d": "\u3164", "e": "a"}
    for username, name in given.items():
        User.objects.filter(pk=builders.person(username).pk).update(kernel_name=name)
    import_module("people.migrations.0012_kernel_names_that_can_be_seen").clean(apps, None)
    kept = dict(User.objects.values_list("username", "kernel_name"))
    assert kept == {"a": "Jane Doe", "b": "", "c": "Jane Doe", "d": "", "e": ""}
