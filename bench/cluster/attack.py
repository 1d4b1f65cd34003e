"""`make attack`: what a stranger can try over the network, against the cluster in production mode behind its proxy.

    python -m bench.cluster.attack

Bounded, and to the cluster's own addresses alone. Each line says what was tried, how often, and what came back; it ends
with 1 where something did not hold. No browser runs here: scripts are looked for in what is sent (tests/test_browser.py
and tests/catalog/test_hostile.py have the rest).
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import signal
import socket
import sys
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.cluster.load import Load
from bench.cluster.site import NAME, Cluster, cluster

PAYLOADS = (
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'-alert(1)-'", "javascript:alert(1)"),
    *("{{7*7}}{% debug %}", "</title><svg onload=alert(1)>", "\u202e\u0000<b>", "a\r\nSet-Cookie: x=1"),
)
PAGES = (
    *("/?q={}", "/search/?q={}", "/affected/?kernel={}", "/compare/?a={}&b={}", "/reports/?state={}", "/kernels/{}/"),
    *(
        "/cases/{}/",
        "/people/{}/",
        "/sign-in/?next={}",
        "/diagnose/?sample={}",
        "/api/v1/cases/?limit={}",
        "/session/?at={}",
    ),
)
FILES = (
    *(
        "/.git/HEAD",
        "/.env",
        "/unmigratable.env",
        "/docker-compose.yml",
        "/static/../config/settings.py",
        "/static/%2e%2e/x",
    ),
    *(
        "/static/..%2f..%2fetc/passwd",
        "/admin/",
        "/metrics",
        "/static/staticfiles.json%00",
        "//etc/passwd",
        "/secrets/",
    ),
)
SMUGGLED = (
    b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    b"GET /metrics HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    b"POST / HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: xchunked\r\nContent-Length: 1\r\n\r\na",
    b"GET / HTTP/1.1\r\nHost: %s\r\nHost: other.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: %s\r\nX-A: b\r\n folded: c\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: %s\r\nX-A\x00: b\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: %s\r\n\r\n",
    b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: %s\r\n\r\n",
)


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass
class Tries:
    """What was tried under one name: how often, what came back, and what did not hold."""

    name: str
    answers: Counter[str] = field(default_factory=Counter)
    fell: list[str] = field(default_factory=list)

    def note(self, answer: Answer | None, held: bool, what: str) -> None:
        self.answers[str(answer.status) if answer else "closed"] += 1
        if not held:
            self.fell.append(f"{what}: {answer.status if answer else 'closed'}")


class Attacker:
    def __init__(self, site: Cluster, token: str) -> None:
        self.site, self.token = site, token

    def connected(self) -> socket.socket:
        raw = socket.create_connection((self.site.front, 443), 15)
        raw.settimeout(60)
        return self.site.trust.wrap_socket(raw, server_hostname=NAME)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer | None:
        line = http.client.HTTPSConnection(self.site.front, timeout=60)
        try:
            line.sock = self.connected()
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            line.request(method, path, body, {"Host": NAME, **given})
            found = line.getresponse()
            return Answer(found.status, found.headers, found.read())
        except (OSError, http.client.HTTPException):
            return None
        finally:
            line.close()

    def spoken(self, text: bytes) -> Answer | None:
        """What comes back on these very bytes."""
        with contextlib.suppress(OSError, ValueError), self.connected() as line:
            line.sendall(text % NAME.encode())
            head = line.recv(65_536)
            return Answer(int(head.split()[1]), http.client.HTTPMessage(), head)
        return None

    def seconds_to_health(self) -> float:
        begun = time.monotonic()
        answer = self.ask("GET", "/healthz")
        return time.monotonic() - begun if answer and answer.status == 200 else 60.0


TRIES: list[tuple[str, Callable[[Attacker, Tries], None]]] = []


def named(name: str) -> Callable[[Callable[[Attacker, Tries], None]], Callable[[Attacker, Tries], None]]:
    def keep(act: Callable[[Attacker, Tries], None]) -> Callable[[Attacker, Tries], None]:
        TRIES.append((name, act))
        return act

    return keep


@named("scripts in addresses")
def reflected(by: Attacker, tries: Tries) -> None:
    for page in PAGES:
        for payload in PAYLOADS:
            answer = by.ask("GET", page.replace("{}", urllib.parse.quote(payload)))
            if answer is None:
                tries.note(None, False, page)
                continue
            kind = answer.headers.get("Content-Type", "")
            raw = payload.encode() in answer.body and "<" in payload and "html" in kind
            policy = "default-src 'none'" in answer.headers.get("Content-Security-Policy", "")
            proxys_own = answer.status == 400 and b"<center>nginx</center>" in answer.body
            framed = policy or proxys_own or "html" not in kind
            held = answer.status < 500 and not raw and framed and not answer.headers.get("X-Evil")
            tries.note(answer, held, f"{page} {payload}")


@named("files and folders that are not for anybody")
def traversal(by: Attacker, tries: Tries) -> None:
    for path in FILES:
        answer = by.ask("GET", path)
        tries.note(answer, answer is not None and answer.status in (301, 302, 400, 404), path)


@named("requests of two meanings")
def smuggling(by: Attacker, tries: Tries) -> None:
    for text in SMUGGLED:
        answer = by.spoken(text)
        fine = answer is None or (
            answer.status in (200, 301, 308, 400, 403, 404, 405, 501) and b"unmigratable_" not in answer.body
        )
        tries.note(answer, fine, text.decode("latin1")[:40])


@named("other hosts' names")
def hosts(by: Attacker, tries: Tries) -> None:
    for name in ("evil.example", f"{NAME}.evil.example", f"evil@{NAME}", f"{NAME}:1337", "127.0.0.1", "x" * 4_000):
        for path in ("/", "/account/password/reset/", "/sitemap.xml"):
            answer = by.ask("GET", path, Host=name)
            held = answer is None or (
                answer.status in (200, 301, 400) and b"evil" not in answer.body and b"1337" not in answer.body
            )
            tries.note(answer, held, f"{name[:30]} {path}")


@named("forms from elsewhere")
def forged(by: Attacker, tries: Tries) -> None:
    for path in (
        "/sign-in/",
        "/account/signup/",
        "/cases/new/",
        "/diagnose/share/",
        "/sign-out/",
        "/reports/machines/",
    ):
        for origin in ("https://evil.example", "null", ""):
            headers = {"Origin": origin} if origin else {}
            answer = by.ask("POST", path, b"a=b", Content_Type="application/x-www-form-urlencoded", **headers)
            tries.note(answer, answer is not None and answer.status in (302, 403, 404, 405, 422, 429), path)


@named("places to be sent on to")
def redirects(by: Attacker, tries: Tries) -> None:
    for there in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "https:evil.example",
        "\thttps://evil.example",
    ):
        for path in ("/sign-in/?next={}", "/sign-out/?next={}", "/account/login/?next={}", "{}"):
            answer = by.ask("GET", path.replace("{}", urllib.parse.quote(there, safe="/")))
            location = answer.headers.get("Location", "") if answer else ""
            tries.note(answer, "evil" not in urllib.parse.urlsplit(location).netloc, f"{path} {there} -> {location}")


@named("tokens that are none")
def tokens(by: Attacker, tries: Tries) -> None:
    for given in ("", "Bearer", "Bearer x", "Bearer " + "a" * 4_000, "Basic YTpi", "bearer null", "Bearer umg_0"):
        answer = by.ask("POST", "/api/v1/reports/", b"{}", Authorization=given, Content_Type="application/json")
        tries.note(answer, answer is not None and answer.status in (400, 401, 403), given[:20])


@named("bodies that unpack, nest or never end")
def bombs(by: Attacker, tries: Tries) -> None:
    bodies = {
        "100 MB of zeros, packed": (gzip.compress(b"\0" * 100_000_000), "gzip", "application/json"),
        "one line of 200,000 signs": (gzip.compress(b"a." * 100_000), "gzip", "text/plain"),
        "soft breaks without end": (gzip.compress(b"=\n" * 20_000 + b"=3D" * 2_000), "gzip", "text/plain"),
        "nested 100,000 deep": (b"[" * 100_000, "", "application/json"),
        "a number beyond all": (b'{"schema": 1e400}', "", "application/json"),
        "half of a gzip": (gzip.compress(b"x" * 1_000)[:-20], "gzip", "text/plain"),
        "10,000 bad lines": (gzip.compress(b"{\n" * 10_000), "gzip", "application/x-ndjson"),
    }
    for name, (body, coding, kind) in bodies.items():
        for path in ("/api/v1/reports/?kernel=6.1", "/api/v1/batch/", "/api/v1/diagnose/", "/diagnose/"):
            headers = {"Content-Encoding": coding} if coding else {}
            answer = by.ask("POST", path, body, Content_Type=kind, Authorization=f"Bearer {by.token}", **headers)
            tries.note(answer, answer is not None and answer.status < 500, f"{path} {name}")
    slow = by.seconds_to_health()
    tries.note(Answer(200, http.client.HTTPMessage(), b""), slow < 10, f"/healthz took {slow:.1f} s after them")


@named("eight at once of the dearest text")
def dear(by: Attacker, tries: Tries) -> None:
    body = gzip.compress(b"a." * 500_000)
    threads = [threading.Thread(target=lambda: answers.append(_diagnosed(by, body))) for _ in range(8)]
    answers: list[Answer | None] = []
    for one in threads:
        one.start()
    worst = max(by.seconds_to_health() for _ in range(5))
    for one in threads:
        one.join()
    for answer in answers:
        tries.note(answer, answer is not None and answer.status < 500, "/api/v1/diagnose/")
    tries.note(Answer(200, http.client.HTTPMessage(), b""), worst < 20, f"/healthz took {worst:.1f} s meanwhile")


def _diagnosed(by: Attacker, body: bytes) -> Answer | None:
    return by.ask("POST", "/api/v1/diagnose/", body, Content_Type="text/plain", Content_Encoding="gzip")


@named("four hundred senders that never finish")
def slow_clients(by: Attacker, tries: Tries) -> None:
    lines = []
    for number in range(400):
        with contextlib.suppress(OSError):
            line = by.connected()
            head = f"POST /diagnose/ HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 100000\r\n"
            line.sendall(head.encode() + (b"\r\n" if number % 2 else b"X-A: "))
            lines.append(line)
    worst = max(by.seconds_to_health() for _ in range(5))
    tries.answers[f"{len(lines)} open"] += len(lines)
    if worst >= 10:
        tries.fell.append(f"/healthz took {worst:.1f} s meanwhile")
    for line in lines:
        line.close()


@named("thirty wrong passwords")
def guessing(by: Attacker, tries: Tries) -> None:
    page = by.ask("GET", "/sign-in/")
    assert page is not None
    cookie = page.headers.get("Set-Cookie", "").partition(";")[0]
    token = page.body.partition(b'name="csrfmiddlewaretoken" value="')[2].partition(b'"')[0].decode()
    for number in range(30):
        form = urllib.parse.urlencode(
            {"csrfmiddlewaretoken": token, "login": "chief", "password": f"wrong-password-{number}"}
        )
        answer = by.ask("POST", "/sign-in/", form.encode(), Cookie=cookie, Referer=f"https://{NAME}/sign-in/",
                        Origin=f"https://{NAME}", Content_Type="application/x-www-form-urlencoded")  # fmt: skip
        tries.note(answer, answer is not None and answer.status in (200, 403, 422, 429), "/sign-in/")
    if not tries.answers["429"]:
        tries.fell.append("all thirty were tried")


@named("an address of one's own choice in a header")
def forwarded(by: Attacker, tries: Tries) -> None:
    for number in range(30):
        answer = by.ask("POST", "/diagnose/share/", b"", X_Forwarded_For=f"203.0.113.{number}", Forwarded="for=1.2.3.4",
                        X_Request_Id="evil\x7f" if number % 2 else "e" * 500)  # fmt: skip
        mark = answer.headers.get("X-Request-Id", "") if answer else ""
        tries.note(
            answer, answer is not None and answer.status < 500 and "e" * 30 not in mark and "evil" not in mark, mark
        )


@named("what every answer has to say")
def headers(by: Attacker, tries: Tries) -> None:
    for path in ("/", "/sign-in/", "/api/v1/", "/static/icon.svg", "/no/such/page/", "/probe.pyz", "/healthz"):
        answer = by.ask("GET", path)
        needed = () if path == "/healthz" else ("Strict-Transport-Security", "X-Content-Type-Options")
        held = answer is not None and all(name in answer.headers for name in needed)
        if answer is not None:
            for cookie in answer.headers.get_all("Set-Cookie", []):
                held &= cookie.startswith("__Host-") and "Secure" in cookie and "SameSite=Lax" in cookie
        tries.note(answer, held, path)


def secrets_shown(site: Cluster) -> list[str]:
    """In which logs any of the secrets stands, as it is."""
    names = ("secret-key", "database-password", "broker-password")
    logs = list(site.folder.glob("*.log"))
    return [f"{name} in {log.name}" for name in names for log in logs if site.secret(name).encode() in log.read_bytes()]


def done(by: Attacker) -> Iterator[Tries]:
    for name, act in TRIES:
        tries = Tries(name)
        act(by, tries)
        yield tries


def on(load: Load) -> bool:
    """A row for each thing tried; whether all held."""
    fell = 0
    print("| tried | how often | what came back | what did not hold |\n|---|--:|---|---|", flush=True)
    for tries in done(Attacker(load.site, load.token)):
        came = ", ".join(f"{count} × {status}" for status, count in sorted(tries.answers.items()))
        what = "; ".join(tries.fell[:5]) or "nothing"
        print(f"| {tries.name} | {tries.answers.total()} | {came} | {what} |", flush=True)
        fell += len(tries.fell)
    shown = "; ".join(secrets_shown(load.site))
    print(f"| secrets in the logs of all programs | 3 | {shown or 'none'} | {shown or 'nothing'} |")
    lost = "; ".join(load.judged(load.run(50, 10.0)))
    print(f"| fifty good reports afterwards | 50 | {lost or 'settled'} | {lost or 'nothing'} |")
    held = not (fell or shown or lost)
    print("all held" if held else "DID NOT HOLD", flush=True)
    return held


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with cluster() as site:
        return not on(Load(site))


if __name__ == "__main__":
    sys.exit(main())
