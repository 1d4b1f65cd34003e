"""What a stranger can send: each sender takes bytes and sends them as one kind of thing. Needs Django to be set up."""

from __future__ import annotations

import gzip
import io
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse, HttpResponseBase
from django.test import Client

from catalog.models import Document
from discussion.answers import receiving
from mailing.letters import tokens
from people.access import machines
from people.models import Role, User
from reports.worker import ingest
from tests import builders
from tests.discussion.mailbox import mail, mbox

MIB = 1 << 20
Send = Callable[[bytes], HttpResponseBase]


@dataclass(frozen=True)
class Sender:
    """`seeds`: what this kind of thing looks like. `most`: up to how many bytes it may be, and somewhat more."""

    send: Send
    seeds: list[bytes]
    most: int


class Senders:
    def __init__(self) -> None:
        self.stranger = Client(raise_request_exception=False, HTTP_HOST="localhost")
        self.known = self._signed_in("fuzz-vouched", Role.CONTRIBUTOR, vouched=True)
        self.fresh = self._signed_in("fuzz-fresh", Role.CONTRIBUTOR, vouched=False)
        self.editor = self._signed_in("fuzz-editor", Role.EDITOR, vouched=True)
        owner = User.objects.get(username="fuzz-vouched")
        self.secrets = itertools.cycle(
            [machines.add("fuzz-box", owner, trusted=True), machines.add("fuzz-other", owner)]
        )
        self.case = Document.objects.filter(kind="case").order_by("slug").first()
        self.numbers = itertools.count(1)
        assert self.case is not None and self.case.current is not None
        self.last = {"mail": "", "proposal": "", "shared": "", "comment": ""}
        documents = Document.objects.filter(current__isnull=False).select_related("current")[:40]
        self.texts = [one.current.text.encode() for one in documents if one.current]

    def _signed_in(self, name: str, role: str, vouched: bool) -> Client:
        person = builders.person(name, role)
        User.objects.filter(pk=person.pk).update(vouched=vouched)
        client = Client(raise_request_exception=False, HTTP_HOST="localhost")
        client.force_login(person)
        return client

    def all(self) -> dict[str, Sender]:
        words = [b"folio writeback", b"zq", b"migrate_pages", b"6.12.57+deb13-amd64", b"fuse-writeback", b"0c58a97"]
        text = [b"It *waits*, see #fuse-writeback and @jane: https://a.example/\n\n```diff\n+a\n```\n", *self.texts]
        log = [b"[    1.000000] page: refcount:3 mapcount:1 mapping:0000000000000000 index:0x7 pfn:0x1100fd\n"]
        said = builders.run(reason="It waits.", log=["page: refcount:1", "a@b.c"], facts={"filesystem": "ext4"})
        native = [builders.body(said), builders.body(builders.run(), builders.moving_run())]
        ktap = [b"KTAP version 1\n1..1\nok 1 mm.migration # SKIP no\n"]
        box = [mbox(mail("a"), mail("b", "a", text="> x\n\ny\n")), mbox(mail("c", subject="[PATCH v2 1/2] mm: x"))]
        return {
            "report, native": Sender(self._report("application/json"), native, MIB),
            "report, KTAP": Sender(self._report("application/x-ktap"), ktap, MIB),
            "report, KCIDB": Sender(self._report("application/vnd.kcidb+json"), [_KCIDB], MIB),
            "report, log": Sender(self._report("text/plain"), log, MIB),
            "batch": Sender(self._batch, [native[0] + b"\n" + native[1] + b"\n"], 2 * MIB),
            "worker": Sender(self._work, [b""], 1),
            "diagnose, curl": Sender(self._diagnose_plain, log, MIB),
            "diagnose, gzip": Sender(lambda b: self._diagnose_plain(gzip.compress(b, 1)), log, MIB),
            "diagnose, page": Sender(self._form(self.stranger, "/diagnose/", "text", kernel="6.12"), log, MIB),
            "diagnose, API": Sender(self._diagnose_api, log, MIB),
            "share": Sender(self._share, log, MIB),
            "shared text, read": Sender(
                lambda b: self._get(self.editor, self.last["shared"] or "/diagnose/"), [b""], 1
            ),
            "search": Sender(lambda b: self._get(self.stranger, "/search/?q=" + quote(b[:3_000])), words, 4_000),
            "query": Sender(self._query, words, 4_000),
            "sign-up": Sender(self._sign_up, [b"jane", b"jane@example.org"], 20_000),
            "sign-in": Sender(self._form(self.stranger, "/sign-in/", "login", password="x" * 20), [b"jane"], 20_000),
            "profile": Sender(self._form(self.fresh, "/account/", "kernel_name"), [b"Jane"], 20_000),
            "comment": Sender(self._comment, text, 21_000),
            "comment, API": Sender(self._comment_api, [b'{"text": "It waits.", "parent": null}'], 300_000),
            "case with its comments": Sender(lambda b: self._get(self.stranger, self._of_case("/")), [b""], 1),
            "proposal": Sender(self._propose, [b"A folio is held until the server answers it."], 60_000),
            "text, edit": Sender(self._edit, self.texts, 300_000),
            "text, API": Sender(self._put, self.texts, 300_000),
            "mail": Sender(self._mail, box, 4 * MIB),
            "mail, read": Sender(lambda b: self._get(self.stranger, self.last["mail"] or "/"), [b""], 1),
            "mail, answered": Sender(self._answer, [mail("d", text="> x\n\ny\n-- \nz\n"), _RETURNED], MIB),
            "objection": Sender(self._object, text, 21_000),
        }

    def _of_case(self, rest: str) -> str:
        return f"/cases/{self.case.slug}{rest}"  # type: ignore[union-attr]

    def _get(self, client: Client, path: str, accept: str = "text/html") -> HttpResponseBase:
        answer = client.get(path, HTTP_ACCEPT=accept)
        if answer.streaming:
            b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        return answer

    def _form(self, client: Client, path: str, field: str, **more: str) -> Send:
        return lambda b: client.post(path, {field: _text(b), **more}, HTTP_ACCEPT="text/html")

    def _report(self, kind: str) -> Send:
        given = "kernel=6.18.44&architecture=x86_64&environment=host"

        def send(body: bytes) -> HttpResponseBase:
            # Half of the reports are new each time: the same bytes come back as known.
            body = body.replace(b"test-run-0", b"test-run-%d" % next(self.numbers), 1)
            return self.stranger.post(
                f"/api/v1/reports/?{given}",
                body,
                content_type=kind,
                HTTP_AUTHORIZATION=f"Bearer {next(self.secrets)}",
                HTTP_RUN_ID=str(uuid.uuid4()),
            )

        return send

    def _batch(self, body: bytes) -> HttpResponseBase:
        bearer = f"Bearer {next(self.secrets)}"
        kind = "application/x-ndjson"
        return self.stranger.post("/api/v1/batch/", body, content_type=kind, HTTP_AUTHORIZATION=bearer)

    def _work(self, body: bytes) -> HttpResponseBase:
        """What a worker does of what was sent before."""
        ingest.drain(5)
        return self.stranger.get("/healthz")

    def _diagnose_plain(self, body: bytes) -> HttpResponseBase:
        return self.stranger.post("/diagnose/?kernel=6.12.1", body, content_type="text/plain", HTTP_ACCEPT="*/*")

    def _diagnose_api(self, body: bytes) -> HttpResponseBase:
        return self.stranger.post("/api/v1/diagnose/", body, content_type="text/plain")

    def _share(self, body: bytes) -> HttpResponseBase:
        fields = {"text": _text(body), "kernel": "6.12.1", "architecture": "x86_64", "environment": "host"}
        agreed = {"agreed": "on"} if next(self.numbers) % 8 == 0 else {}
        answer = self.stranger.post("/diagnose/share/", {**fields, **agreed}, HTTP_ACCEPT="text/html")
        self.last["shared"] = answer.get("Location", "") or self.last["shared"]
        return answer

    def _query(self, body: bytes) -> HttpResponseBase:
        """The same bytes wherever an address takes some."""
        word = quote(body[:3_000])
        paths = ["/?q={}", "/reports/?state={}", "/affected/?kernel={}", "/affected.txt?kernel={}", "/kernels/{}/",
                 "/compare/?left={0}&right={0}", "/api/v1/kernels/?after={}", "/api/v1/cases/?limit={}", "/mail/{}/",
                 "/people/{}/", "/api/v1/compare/?left={0}&right={0}", "/api/v1/affected/?kernel={}", "/strategies/?{}",
                 "/cases/{}/", "/cases/fuse-writeback/diff/?from={0}&to={0}", "/unsubscribe/{}/", "/subsystems/{}/",
                 "/api/v1/events/?after={}", "/api/v1/cases/fuse-writeback/evidence/?cursor={}",
                 "/?status={0}&manner={0}", "/export/evidence.csv?case={}", "/metrics?{}"]  # fmt: skip
        return self._get(self.stranger, paths[next(self.numbers) % len(paths)].format(word), "*/*")

    def _sign_up(self, body: bytes) -> HttpResponseBase:
        n = next(self.numbers)
        text = _text(body) if n % 3 else f"jane-{n}"
        name, mail_address = (text, f"fuzz{n}@example.org") if n % 2 else (f"fuzz{n}", text)
        fields = {"username": name, "email": mail_address, "password1": text * 2 + "a long password"}
        return Client(raise_request_exception=False, HTTP_HOST="localhost").post("/account/signup/", fields)

    def _comment(self, body: bytes) -> HttpResponseBase:
        client = self.known if next(self.numbers) % 4 else self.fresh
        return client.post(f"/discussion/{self.case.pk}/", {"text": _text(body), "parent": ""})  # type: ignore[union-attr]

    def _comment_api(self, body: bytes) -> HttpResponseBase:
        return self.known.post(self._of_case("/comments/").join(("/api/v1", "")), body, content_type="application/json")

    def _propose(self, body: bytes) -> HttpResponseBase:
        text = _text(body)
        fields = {
            "holds": text + " It is held for as long as that.",
            "tell": text,
            "link": text[:300],
            "title": f"Fuzz {next(self.numbers)} {text[:60]}",
            "subsystems": text[:300],
            "mechanism": "writeback",
            "controllers": ["unprivileged_user"],
        }
        if next(self.numbers) % 3:
            fields["link"] = "https://a.example/"
        answer = self.fresh.post("/cases/new/", fields)
        self.last["proposal"] = answer.get("Location", "") or self.last["proposal"]
        return answer

    def _edit(self, body: bytes) -> HttpResponseBase:
        path = (self.last["proposal"] or self._of_case("/")) + "edit/"
        act = ("save", "preview", "keep")[next(self.numbers) % 3]
        client = self.fresh if self.last["proposal"] else self.editor
        return client.post(path, {"text": _text(body), "base": "1", "note": "x", "act": act})

    def _put(self, body: bytes) -> HttpResponseBase:
        path = "/api/v1" + self._of_case("/")
        return self.editor.put(path, body, content_type="text/markdown", HTTP_IF_MATCH='"1"')

    def _mail(self, body: bytes) -> HttpResponseBase:
        # Ids of its own, so that most are new; the thread that it makes is read afterwards.
        body = body.replace(b"@example.org>", b".%d@example.org>" % next(self.numbers))
        box = SimpleUploadedFile("t.mbox", body)
        fields = {"mailbox": box, "about": self.case.slug, "message_id": ""}  # type: ignore[union-attr]
        answer = self.editor.post("/mail/import/", fields)
        self.last["mail"] = answer.get("Location", "") or self.last["mail"]
        return answer

    def _answer(self, body: bytes) -> HttpResponseBase:
        """Takes turns between what is said and what comes back."""
        person, kind = User.objects.get(username="fuzz-vouched"), ("answer", "bounce")[next(self.numbers) % 2]
        body = body.replace(b"@example.org>", b".%d@example.org>" % next(self.numbers))
        to = tokens.address(kind, person.pk, self.case.pk)  # type: ignore[union-attr]
        answer = receiving.receive(body, to)
        return HttpResponse(str(answer), status=503 if answer.text.startswith("It could not") else 200)

    def _object(self, body: bytes) -> HttpResponseBase:
        found = Document.objects.filter(kind="strategy", current__isnull=False).first()
        path = f"/strategies/{found.slug}/object/" if found else "/strategies/"
        return self.known.post(path, {"title": _text(body)[:120], "text": _text(body), "slug": "fuzz"})


_RETURNED = (
    b"From: MAILER-DAEMON\nMessage-ID: <r@example.org>\nContent-Type: multipart/report; boundary=r\n\n--r\n"
    b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\nAction: failed\nStatus: 5.1.1\n\n--r--\n"
)
_KCIDB = (
    b'{"version": {"major": 5, "minor": 3}, "checkouts": [{"id": "a:c", "origin": "a", "git_commit_name": "v6.1.1"}], '
    b'"builds": [{"id": "a:b", "checkout_id": "a:c", "architecture": "x86_64", "origin": "a"}], '
    b'"tests": [{"id": "a:t1", "build_id": "a:b", "path": "mm.migration", "status": "FAIL"}]}'
)


def _text(body: bytes) -> str:
    return io.TextIOWrapper(io.BytesIO(body), "utf-8", "replace", newline="").read()
