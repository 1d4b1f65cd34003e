"""The real catalog with everything on it that people, machines and editors add, and every page that it then has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from catalog.meetings import chair
from catalog.models import Case, Revision, Strategy
from catalog.models.text import Origin, State
from catalog.revisions import store
from config import urls
from discussion.comments import threads
from discussion.mail import importer, letters
from discussion.models import Incoming
from discussion.moderating import moderation
from mailing.follows import following, subjects
from mailing.letters import tokens
from mailing.models import Notice, Trouble
from people import journal
from people.models import Machine, Role, User
from reports.diagnose import sharing
from reports.diagnose.views import samples
from reports.intake import inbox
from reports.intake.submission import Given, Sending
from reports.models import Shared
from reports.worker import ingest
from tests import builders, crawl
from tests.discussion.mailbox import DIFF, large, mail, mbox
from webhooks import keeping

PASSWORD = "a long password"
STARTS = (
    *("/", "/styleguide/", "/nothing-here/", "/affected/?kernel=nonsense", "/affected/?kernel=6.12.57", "/?q=zzzz"),
    "/kernels/6.12.58/",  # not measured
    "/compare/?a=6.18.44-fc-v657&b=6.18.44-fc-v669",  # neither was tried with what the other was
    *("/search/", "/search/?q=writebakc", "/search/?q=nothinglikethis", "/?q=writebakc&status=open", "/session/1/"),
    *(
        "/?kernel=6.18&manner=sleeps_in_d",
        "/cases/fuse-writeback/diff/?a=1&b=2",
        "/mail/a@example.org/",
        "/people/ann/",
    ),
    *(f"/diagnose/?sample={name}" for name in samples()),
)
ACCOUNT_OF_STRANGERS = (
    *("/account/signup/", "/account/inactive/", "/account/confirm-email/", "/account/confirm-email/none/"),
    *("/account/password/reset/done/", "/account/password/reset/key/1-none-none/", "/account/password/reset/key/done/"),
    *("/account/3rdparty/login/cancelled/", "/account/3rdparty/login/error/", "/unsubscribe/none/"),
)
ACCOUNT = (
    *("/account/", "/account/email/", "/account/password/change/", "/account/2fa/", "/account/reauthenticate/"),
    *("/account/3rdparty/", "/account/leave/", "/sign-out/", "/account/2fa/totp/activate/"),
)
SECOND_FACTOR = (
    *("/account/2fa/", "/account/2fa/recovery-codes/", "/account/2fa/recovery-codes/generate/"),
    *("/account/2fa/totp/deactivate/", "/account/2fa/reauthenticate/?next=/account/"),
)
PROOF = 'signature: {"proves": [{"marks": ["frame:folio_wait_writeback"], "why": "Its mover waits for writeback."}]}'
ORIGIN = {"job_url": "https://ci.example.org/job/4711", "log_url": "https://ci.example.org/4711.txt", "tree": "mm"}
LONG = f"a line of {'many ' * 20}words from bob@example.org\n"


@dataclass(frozen=True)
class Page:
    who: str
    path: str
    status: int
    html: str
    policy: str
    templates: frozenset[str]

    @property
    def name(self) -> str:
        return f"{self.path} as {self.who} sees it"


def page(who: str, path: str, answer: Any) -> Page:
    templates = frozenset(one.name for one in getattr(answer, "templates", ()) if one.name)
    policy = answer.get("Content-Security-Policy", "")
    return Page(who, path, answer.status_code, answer.content.decode(), policy, templates)


def client_of(person: User) -> Client:
    """Signed in by the form: what asks "Is it you?" has just been told."""
    made = Client()
    assert made.post("/sign-in/", {"login": person.username, "password": PASSWORD}).status_code == 302
    return made


class Site:
    """Made once for a module: what is written here is committed, into a copy that is thrown away."""

    def __init__(self) -> None:
        self.chief = self._person("chief", Role.MAINTAINER)
        self.ann = self._person("ann", Role.CONTRIBUTOR)
        self.case = Case.objects.get(slug="fuse-writeback")
        self.strategy = Strategy.objects.get(slug="fuse-request-timeout")
        self.starts: list[str] = []  # what the chief is led to by no link
        self._discuss()
        self._edit()
        self._meet()
        self._measure()
        self._be_told()
        self._follow()

    def _person(self, name: str, role: str) -> User:
        made = builders.person(name, role)
        EmailAddress.objects.create(user=made, email=f"{name}@example.org", verified=True, primary=True)
        return made

    def _discuss(self) -> None:
        case, strategy = self.case.document, self.strategy.document
        for document in (case, strategy):
            said = threads.say(document, self.ann, "A *word*.\n\n    > code\n\n<script>alert(1)</script>")
            threads.say(document, self.ann, "> quoted\n\nAn answer.\n\n```diff\n-a\n+b\n```", said)
        table = f"| a | b |\n|---|---|\n| `{'long_' * 30}` | https://a.example/{'b' * 90} |"
        threads.say(strategy, self.ann, "See /compare/?a=6.18.44-fc-v657&b=6.18.44-fc-v669 for it.")
        flagged = threads.say(strategy, self.ann, table)
        hidden = threads.say(case, self.ann, "Buy this.")
        threads.edit(flagged, self.ann, f"{table}\n\nOnce more.", 0)
        moderation.flag(flagged, self.chief, "An advertisement, " + "as it seems " * 20)
        moderation.hide(hidden, self.chief, "An advertisement.")
        moderation.lock(case, self.chief, "Go on in #fuse-request-timeout.")
        importer.take(letters.read(mbox(mail("a", text=f"> quoted\n\nWords.\n\n{DIFF}"), *large()[0])), [strategy])
        self.starts += [f"/c/{flagged.pk}/{act}/" for act in ("hide", "flag", "history")]
        self.starts += [f"/c/{hidden.pk}/", f"/discussion/{strategy.pk}/?quote={flagged.pk}", "/moderation/"]
        self.starts += [
            f"{self.strategy.get_absolute_url()}{act}" for act in (f"object/?comment={flagged.pk}", "move/")
        ]
        self.starts += ["/mail/import/?about=fuse-request-timeout", "/mail/topic@example.org/"]
        self.own_comment = f"/c/{flagged.pk}/edit/"

    def _edit(self) -> None:
        current = self.case.document.current
        assert current is not None
        self.text = current.text
        store.save(f"{current.text}\nOne line more.\n", origin=Origin.SITE, author=self.chief, base=1, note="A line")
        proposed = builders.case_text("proposed-here", f"A proposal of `{'long_' * 20}`.")
        store.save(proposed, origin=Origin.SITE, author=self.ann, new=True, state=State.PROPOSED)
        earlier = builders.case_text("reworded")
        for text in (earlier, earlier.replace("A summary.", "Another.")):
            store.save(text, origin=Origin.FILE)
        old = "---\ncase: reworded\nold: <i>\n---\n"  # as a text whose fields have changed since
        Revision.objects.filter(document=Case.objects.get(slug="reworded").document, n=1).update(text=old)
        self.starts.append("/cases/reworded/@1")
        for slug in ("proposed-here", "fuse-writeback"):
            self.starts += [f"/cases/{slug}/", f"/cases/{slug}/history/", f"/cases/{slug}/edit/"]
        self.starts += ["/cases/fuse-writeback/diff/?a=1&b=2", "/cases/fuse-writeback/signature/"]

    def _meet(self) -> None:
        held = chair.begin("In the room", date(2026, 5, 5), self.chief)
        point = held.points.first()
        assert point is not None
        chair.note(point, self.chief, chair.Notes("Decided.", "Do it.", "Ann"), 0)
        self.starts += [held.get_absolute_url(), "/session/"]

    def _measure(self) -> None:
        builders.token("box", self.chief)
        unmatched = builders.settled(builders.run("unheard-of"))
        group = unmatched.observations.get().fingerprint
        operation = {"name": "offline of memory block 32", "before": True, "while_held": False, "after_release": True}
        offline = builders.settled(builders.run(mover="offline", operation=operation), minor=1, origin=ORIGIN)
        given = Given("7.3.4+deb13-amd64", "x86_64", "", "guest")
        text = samples()["fuse-writeback-offline-7.3"].encode()
        log = inbox.take(Sending(Machine.objects.get(name="box"), text, "text/plain", "a-log", given=given))[0]
        ingest.drain()
        self.starts += [f"/reports/unmatched/{group}/", f"/reports/unmatched/{group}/draft", "/machines/box/"]
        self.starts += ["/machines/", offline.get_absolute_url(), log.get_absolute_url()]
        self.text_to_share = f"{samples()['fuse-writeback-offline-7.3']}by alice@example.org\n{LONG}"
        sharing.share(sharing.Offer(self.text_to_share, "7.3.4", "x86_64", "guest", "offlining"), self.ann, "ann")

    def _follow(self) -> None:
        for person in (self.chief, self.ann):
            for kind, name in (("case", "fuse-writeback"), ("kernel", "6.18"), ("machine", "box"), ("unmatched", "")):
                shown = subjects.found(kind, name, person)
                assert shown is not None
                following.set_cadence(person, shown.subject, "daily" if name else "at_once")
        said = journal.record("case.published", "case", "fuse-writeback", self.ann)
        for n, state in enumerate(("sent", "in_doubt", "given_up")):
            Notice.objects.create(
                user=self.chief,
                event=said,
                topic=f"t{n}",
                state=state,
                mail=uuid4(),
                tried_at=timezone.now(),
                settled_at=timezone.now(),
                why="550 no such person",
                tries=1,
            )
        Trouble.objects.create(
            user=self.chief, nr_bounces=3, why="550 no such person", paused_at=timezone.now(), bounced_at=timezone.now()
        )
        for fate in ("waiting", "taken"):
            Incoming.objects.create(
                message_id=f"{fate}@example.org",
                document=self.case.document,
                to=self.ann,
                fate=fate,
                author_name="Somebody",
                author_address="some@example.org",
                subject="Re: it",
                text=LONG,
                raw=b"Subject: x\n\nx",
            )
        self.starts += [
            "/account/following/",
            "/follow/?kind=case&name=fuse-writeback",
            "/outbox/",
            "/moderation/mail/",
        ]

    def _be_told(self) -> None:
        hook = keeping.add(self.chief, "https://hook.example.org/in", ["outcome.changed"], case="fuse-writeback")
        sent = keeping.ping(hook)
        assert sent is not None
        self.starts += ["/account/webhooks/", hook.get_absolute_url(), f"{hook.get_absolute_url()}{sent.pk}/"]

    def pages(self) -> Iterator[Page]:
        """All that a stranger and a maintainer reach, and what stands behind forms."""
        chief = client_of(self.chief)
        for who, client, starts in (("a stranger", Client(), ()), ("a maintainer", chief, self.starts)):
            for path, answer in crawl.pages(client, *STARTS, *starts).items():
                yield page(who, path, answer)
        yield from (page(*one) for one in self._behind_forms(chief))
        yield from (page(*one) for one in self._accounts())

    def _behind_forms(self, chief: Client) -> Iterator[tuple[str, str, HttpResponse]]:
        edit = f"{self.case.get_absolute_url()}edit/"
        for act, text in (("preview", f"{self.text}\nAnother."), ("edit", self.text), ("save", self.text)):
            yield "a maintainer", f"{edit} ({act})", chief.post(edit, {"act": act, "text": text, "base": 1})
        signature = f"{self.case.get_absolute_url()}signature/"
        for block in (PROOF, "signature: ["):
            tried = {"act": "try", "block": block, "base": 2}
            yield "a maintainer", f"{signature} ({block[:12]})", chief.post(signature, tried)
        broken = {"act": "save", "text": "---\nno: case\n---\n", "base": 2}
        yield "a maintainer", f"{edit} (broken)", chief.post(edit, broken)
        yield "a maintainer", "/mail/import/ (nothing)", chief.post("/mail/import/", {"message_id": "x"})
        ann, text = client_of(self.ann), {"text": self.text_to_share, "kernel": ""}
        yield "ann", "/diagnose/ (text)", ann.post("/diagnose/", text)
        yield "ann", "/diagnose/share/ (text)", ann.post("/diagnose/share/", text)
        yield "ann", "/diagnose/keep/ (text)", ann.post("/diagnose/keep/", text)
        result = ann.post("/diagnose/keep/", {**text, "agreed": "yes"})["Location"]
        for who, client in (("ann", ann), ("a stranger", Client())):
            yield who, result, client.get(result, headers={"accept": "text/html"})
        for shared in Shared.objects.all():
            yield "ann", shared.get_absolute_url(), ann.get(shared.get_absolute_url())
        for path in (
            "/machines/",
            "/cases/new/",
            "/strategies/new/?case=fuse-writeback",
            self.own_comment,
            "/people/ann/",
        ):
            yield "ann", path, ann.get(path)
        stop = tokens.stop_link(self.ann.pk, ("case", "", self.case.document.pk))
        for path, answer in ((stop, ann.get(stop)), (f"{stop} (done)", ann.post(stop))):
            yield "ann", path, answer
        yield "ann", "/cases/new/ (empty)", ann.post("/cases/new/", {})
        proposed = "/cases/proposed-here/edit/"
        ann.post(proposed, {"act": "keep", "text": "half a thought", "base": 1})
        yield "ann", proposed, ann.get(proposed)
        kept = [link for link in crawl.links(proposed, chief.get(proposed).content.decode()) if "/kept/" in link]
        yield "a maintainer", "a kept text", chief.get(kept[0])
        say = f"/discussion/{self.strategy.document.pk}/"
        yield "ann", f"{say} (empty)", ann.post(say, {"text": ""})
        yield "a stranger", "a forged form", Client(enforce_csrf_checks=True).post("/sign-in/", {})
        yield "a stranger", "too many", urls.handler429(RequestFactory().get("/account/email/"))
        yield "a stranger", "out of order", urls.handler500(RequestFactory().get("/"))

    def _accounts(self) -> Iterator[tuple[str, str, HttpResponse]]:
        for path in ACCOUNT_OF_STRANGERS:
            yield "a stranger", path, Client().get(path, follow=True)
        wrong = {"login": "ann", "password": "wrong"}
        yield "a stranger", "/sign-in/ (wrong)", Client().post("/sign-in/", wrong)
        yield "a stranger", "/account/signup/ (empty)", Client().post("/account/signup/", {})
        Client().post("/account/password/reset/", {"email": "ann@example.org"})
        reset = builders.link_in_mail("/account/password/reset/key/")
        yield "a stranger", "/account/password/reset/key/", Client().get(reset, follow=True)
        Client().post("/account/signup/", {"username": "jane", "email": "jane@example.org", "password1": PASSWORD})
        confirm = builders.link_in_mail("/account/confirm-email/")
        yield "a stranger", "/account/confirm-email/ (asked)", Client().get(confirm)
        ann = client_of(self.ann)
        ann.post("/account/email/", {"email": "ann@example.com", "action_add": ""})
        for path in ACCOUNT:
            yield "ann", path, ann.get(path, follow=True)
        yield "ann", "/account/password/change/ (empty)", ann.post("/account/password/change/", {})
        ann.post("/account/reauthenticate/", {"password": PASSWORD})
        yield "ann", "/account/2fa/totp/activate/ (asked)", ann.get("/account/2fa/totp/activate/")
        totp.TOTP.activate(self.ann, "A" * 32)
        RecoveryCodes.activate(self.ann)
        asked = Client().post("/sign-in/", {"login": "ann", "password": PASSWORD}, follow=True)
        yield "ann", "/account/2fa/authenticate/", asked
        for path in SECOND_FACTOR:
            yield "ann", f"{path} (set)", ann.get(path, follow=True)
