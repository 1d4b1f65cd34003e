"""From the journal to a receiver: who gets what, how often, signed how, and what becomes of a receiver that fails."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from catalog.models.text import Origin, State
from catalog.pages import events
from catalog.pages.events import Pick
from catalog.revisions import store
from config import pruning
from discussion.accounts import leaving
from people import journal
from people.models import Event, User
from tests import builders
from tests.at_once import at_once
from tests.webhooks.receiver import Receiver, receiving
from webhooks import delivering, fan_out, keeping, posting
from webhooks.models import Delivery, Hook

pytestmark = pytest.mark.django_db(transaction=True)
ALL = ["outcome.changed", "evidence.first", "build.new", "case.revised", "machine.trusted"]


@pytest.fixture(autouse=True)
def loopback(settings: Any) -> None:
    settings.WEBHOOKS_TO_LOOPBACK = True


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(Receiver()) as made:
        yield made


def hook(url: str, owner: User | None = None, verbs: list[str] | None = None, **pick: str) -> Hook:
    return keeping.add(owner or builders.person(), url, verbs or ALL, **pick)


def happen(verb: str = "case.revised", subject: str = "fuse-writeback", kind: str = "case", **data: Any) -> Event:
    return journal.record(verb, kind, subject, None, **data)


def tell() -> None:
    fan_out.note_all()
    delivering.deliver_due()


def later(seconds: float = 3_600 * 13) -> None:
    """As if so much time had passed."""
    back = timedelta(seconds=seconds)
    for one in Delivery.objects.all():
        Delivery.objects.filter(pk=one.pk).update(next_try_at=one.next_try_at - back)
    for one_hook in Hook.objects.all():
        since = one_hook.failing_since and one_hook.failing_since - back
        busy = one_hook.busy_until and one_hook.busy_until - back
        Hook.objects.filter(pk=one_hook.pk).update(
            next_at=one_hook.next_at - back, failing_since=since, busy_until=busy
        )


def test_a_report_that_turns_an_outcome_is_sent_signed_to_who_asked_for_it(receiver: Receiver) -> None:
    builders.case()
    mine = hook(receiver.url, verbs=["outcome.changed"])
    builders.settled(*[builders.run()] * 5)
    kernel = {"release": "6.18.45", "architecture": "x86_64"}
    builders.settled(*[builders.moving_run()] * 5, kernel=kernel)
    tell()
    (got,) = receiver.got
    said = Webhook(mine.secret).verify(got.body, got.headers)
    assert said["type"] == "outcome.changed" and said["data"]["turned"] == "fixed"
    assert said["data"]["after"]["release"] == "6.18.45" and "build" not in said["data"]
    assert got.headers["content-type"] == "application/json" and got.headers["host"].startswith("127.0.0.1:")
    one = Delivery.objects.get()
    assert (one.state, one.status, one.tries, one.message_id) == ("delivered", 204, 1, got.id)
    tell()
    assert len(receiver.got) == 1
    with pytest.raises(WebhookVerificationError):
        Webhook(keeping.new_secret()).verify(got.body, got.headers)


def test_after_a_rotation_both_secrets_verify_for_a_day(receiver: Receiver) -> None:
    builders.case()
    mine = hook(receiver.url)
    before, new = mine.secret, keeping.rotate(mine)
    happen()
    tell()
    for secret in (before, new):
        assert Webhook(secret).verify(receiver.got[-1].body, receiver.got[-1].headers)
    Hook.objects.update(secret_before_until=timezone.now())
    happen()
    tell()
    assert Webhook(new).verify(receiver.got[-1].body, receiver.got[-1].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(before).verify(receiver.got[-1].body, receiver.got[-1].headers)


def test_a_hook_is_told_what_comes_after_it_and_what_its_filters_let_through(receiver: Receiver) -> None:
    builders.case()
    builders.case("another")
    happen("case.revised", "another", n="before, and nobody has read it yet")
    hook(receiver.url, case="another")
    hook(receiver.url, kernel="6.18")
    hook(receiver.url, machine="box", verbs=["build.new", "machine.trusted"])
    happen("case.revised", "fuse-writeback")
    happen("case.revised", "another")
    builders.settled(builders.run())
    tell()
    names = sorted((one.hook.case or one.hook.kernel or one.hook.machine, one.verb) for one in Delivery.objects.all())
    expected = [("6.18", "build.new"), ("6.18", "evidence.first"), ("another", "case.revised"), ("box", "build.new")]
    assert names == expected and len(receiver.got) == 4


def test_nobody_is_told_of_drafts(receiver: Receiver) -> None:
    hook(receiver.url, builders.person(role="maintainer"))
    store.save(builders.case_text("secret-case"), origin=Origin.SITE, author=builders.person(), state=State.DRAFT)
    happen("case.revised", "secret-case")
    builders.settled(builders.run(case="secret-case"), kernel={"release": "9.9.9-secret", "architecture": "x86_64"})
    assert Event.objects.filter(verb__in=journal.NEWS).count() == 2, "the set-up says nothing"
    tell()
    assert receiver.got == [] and not Delivery.objects.exists()


def test_what_a_filter_admits_is_what_it_selects() -> None:
    builders.case()
    builders.case("another")
    for release in ("6.18.44", "6.19.1"):
        kernel = {"release": release, "architecture": "x86_64"}
        builders.settled(builders.run(), builders.run(case="another"), kernel=kernel)
    happen("evidence.judged", "1", "report", case="another")
    every = list(Event.objects.all())
    for pick in [
        *(Pick(), Pick(("build.new",)), Pick(case="another"), Pick(kernel="6.18"), Pick(kernel="6.19.1")),
        *(Pick(machine="box"), Pick(("evidence.first",), "another", "6.19", "box"), Pick(case="none")),
    ]:
        selected = set(pick.rows(Event.objects.all()).values_list("pk", flat=True))
        assert selected == {event.pk for event in every if pick.admits(event)}, pick
    assert set(events.visible_to(None).values_list("verb", flat=True)) >= {"build.new", "evidence.first"}


def test_a_failure_is_tried_again_later_with_the_same_id_until_it_is_taken(receiver: Receiver) -> None:
    builders.case()
    hook(receiver.url)
    receiver.answer = lambda n: 500 if n < 3 else 200
    happen()
    for _ in range(3):
        tell()
        tell()  # not yet due
        later()
    assert len(receiver.got) == 3 and len({got.id for got in receiver.got}) == 1
    assert Delivery.objects.get().state == "delivered" and Hook.objects.get().failing_since is None


def test_after_a_day_without_one_taken_it_is_disabled_and_its_owner_told(receiver: Receiver) -> None:
    builders.case()
    owner = builders.person()
    EmailAddress.objects.create(user=owner, email="jane@example.org", verified=True, primary=True)
    mine = hook(receiver.url, owner)
    receiver.answer = lambda n: 503
    happen()
    for _ in range(4):
        tell()
        later()
    mine.refresh_from_db()
    assert mine.disabled_why == "Nothing was taken for a day." and Delivery.objects.get().state == "given_up"
    letters = [one for one in builders.delivered() if "webhook" in one.subject]
    assert len(letters) == 1 and letters[0].to == ["jane@example.org"] and receiver.url in letters[0].body
    tried = len(receiver.got)
    happen()
    tell()
    assert len(receiver.got) == tried
    receiver.answer = lambda n: 200
    happen(n="nobody has read it yet")
    keeping.enable(mine)
    tell()
    assert len(receiver.got) == tried, "what happened meanwhile is not sent"
    happen()
    tell()
    assert len(receiver.got) == tried + 1


def test_gone_disables_at_once_and_redirects_are_not_followed(receiver: Receiver) -> None:
    builders.case()
    hook(receiver.url)
    receiver.answer = lambda n: (302, 410)[n - 1]
    happen()
    tell()
    assert len(receiver.got) == 1 and Delivery.objects.get().answer == "redirects are not followed"
    later()
    tell()
    assert "410" in Hook.objects.get().disabled_why


def test_it_is_given_up_in_the_end_and_sent_again_by_hand_with_its_id(receiver: Receiver) -> None:
    builders.case()
    mine = hook(receiver.url)
    Delivery.objects.create(hook=mine, verb="ping", body="{}", tries=delivering.MOST_TRIES - 1)
    receiver.answer = lambda n: 500 if n == 1 else 200
    tell()
    one = Delivery.objects.get()
    assert one.state == "given_up" and keeping.send_again(one) and not keeping.send_again(one)
    tell()
    one.refresh_from_db()
    assert one.state == "delivered" and receiver.got[0].id == receiver.got[1].id


def test_a_slow_receiver_holds_up_itself_alone_and_gets_one_at_a_time(receiver: Receiver) -> None:
    builders.case()
    with receiving(Receiver(seconds=1.0)) as slow:
        hook(slow.url)
        hook(receiver.url)
        for _ in range(3):
            happen()
        fan_out.note_all()
        at_once(delivering.deliver_due, delivering.deliver_due)
    assert slow.most_at_once == 1 and len(slow.got) == 3 and len(receiver.got) == 3
    times = [one.settled_at for one in Delivery.objects.filter(hook__url=receiver.url)]
    slow_times = [one.settled_at for one in Delivery.objects.filter(hook__url=slow.url)]
    assert max(t for t in times if t) < max(t for t in slow_times if t)


def drip(handler: BaseHTTPRequestHandler) -> None:
    for _ in range(6_000):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.1)


def flood(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
    for _ in range(3_000):
        handler.wfile.write(b"x" * 65_536)


def headers_for_ever(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(500)) + b"\r\n")


def test_a_hostile_receiver_costs_bounded_time_and_bytes(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "SECONDS", 2.0)

    def sent(act: Any) -> posting.Answer:
        receiver.act = lambda handler: _quietly(act, handler)
        start = time.monotonic()
        answer = posting.post(receiver.url, "msg_1", "{}", [keeping.new_secret()])
        assert time.monotonic() - start < 120, "it was waited for to its end, which is ten minutes away"
        return answer

    assert sent(drip).said == "no answer within 2 seconds"
    assert sent(flood).status == 200
    assert not sent(headers_for_ever).is_ok
    assert not sent(lambda handler: handler.wfile.write(b"no http at all\r\n\r\n")).is_ok
    assert not sent(lambda handler: None).is_ok


def _quietly(act: Any, handler: BaseHTTPRequestHandler) -> None:
    try:
        act(handler)
    except OSError:
        pass  # hung up on, as it should be
    handler.close_connection = True


def test_the_certificate_has_to_be_of_the_name_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    said = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 -subj /CN=localhost"
    command = [*said.split(), "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asked: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with receiving(Receiver(), context) as secure:

        def sent(host: str) -> posting.Answer:
            return posting.post(f"https://{host}:{secure.port}/", "msg_1", "{}", [keeping.new_secret()])

        assert "certificate was not accepted" in sent("localhost").said
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert sent("localhost").status == 204 and asked[-1] == "localhost"
        assert "certificate was not accepted" in sent("127.0.0.1").said
        assert len(secure.got) == 1


def test_what_waits_is_bounded_and_what_was_left_out_is_counted(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hook, "MOST_WAITING", 3)
    builders.case()
    hook(receiver.url)
    for _ in range(5):
        happen()
    fan_out.note_all()
    assert Delivery.objects.count() == 3 and Hook.objects.get().nr_skipped == 2


def test_one_person_has_ten_at_the_most_even_at_once() -> None:
    owner = builders.person()
    for _ in range(9):
        hook("https://example.org/", owner)
    refused: list[ValidationError] = []

    def one_more() -> None:
        try:
            hook("https://example.org/", owner)
        except ValidationError as error:
            refused.append(error)

    at_once(one_more, one_more)
    assert Hook.objects.count() == 10 and len(refused) == 1


def test_who_left_or_is_banned_is_sent_nothing(receiver: Receiver) -> None:
    builders.case()
    gone, banned = builders.person("gone"), builders.person("banned")
    hook(receiver.url, gone)
    hook(receiver.url, banned)
    happen()
    fan_out.note_all()
    leaving.leave(gone, False)
    leaving.ban(banned, builders.person(role="maintainer"), "spam")
    tell()
    assert receiver.got == [] and Hook.objects.get().owner == banned


def test_two_rounds_at_once_make_one_message_of_a_line(receiver: Receiver) -> None:
    builders.case()
    hook(receiver.url)
    for _ in range(30):
        happen()
    at_once(tell, tell)
    assert len(receiver.got) == len({got.id for got in receiver.got}) == Delivery.objects.count() == 30


def test_old_messages_go_and_what_waits_stays(receiver: Receiver) -> None:
    mine = hook(receiver.url)
    now = timezone.now()
    for state, settled in (("waiting", None), ("delivered", now)):
        for days in (1, 40):
            made = Delivery.objects.create(hook=mine, verb="ping", body="{}", state=state, settled_at=settled)
            Delivery.objects.filter(pk=made.pk).update(created_at=now - timedelta(days=days))
    assert pruning.run(20)[0]["deliveries"] == 1 and Delivery.objects.count() == 3
