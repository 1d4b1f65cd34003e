"""One report over HTTP to the dashboard, with patience for what passes and none for what does not.

NotSent
  Refused       a 4xx that is about the report: it would be refused again
  Unwelcome     the address or the token is wrong: no other report would fare better
  Unreachable   network, 5xx, 409 or 429, and the tries are used up: later, perhaps
"""

from __future__ import annotations

import email.utils
import gzip
import http.client
import ipaddress
import json
import random
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Optional
from urllib.parse import urljoin, urlsplit

from diagnosis.matching import naming
from probes.errors import NotSent

PATH = "api/v1/reports/"
_TIMEOUT_SECONDS = 30.0
_TRIES = 5
_MOST_WAIT_SECONDS = 60.0
_MOST_RETRY_AFTER_SECONDS = 300.0
_MOST_REDIRECTS = 3
_MOST_ANSWER_BYTES = 1 << 16
_MOST_SHOWN = 3_000
_PASSES = (408, 409, 425, 429, 500, 502, 503, 504)
_ABOUT_US = (401, 403, 404, 405, 407)
_REDIRECTS = (301, 302, 307, 308)


class Refused(NotSent):
    pass


class Unwelcome(NotSent):
    pass


class Unreachable(NotSent):
    pass


@dataclass(frozen=True)
class Receipt:
    id: str
    state: str
    address: str


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Sender:
    """Sends to one dashboard. `sleep` and `chance` (a number in [0, 1)) stand for time and luck."""

    def __init__(
        self,
        base_url: str,
        token: str,
        insecure: bool = False,
        say: Callable[[str], None] = lambda text: None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.url = urljoin(base_url.rstrip("/") + "/", PATH)
        self.token = token
        self.insecure = insecure
        self.say = say
        self.sleep = sleep
        self.chance = chance
        _demand_privacy(self.url, insecure)

    def headers(self, run_id: str, media_type: str) -> Dict[str, str]:
        return {
            "Content-Type": media_type,
            "Content-Encoding": "gzip",
            "Authorization": "Bearer " + self.token,
            "Idempotency-Key": run_id,
            "User-Agent": "unmigratable-probe",
        }

    def send(self, run_id: str, body: bytes, media_type: str = "application/json") -> Receipt:
        """Post the report until it is taken, refused, or the tries are used up. Raises NotSent."""
        packed = gzip.compress(body, mtime=0)
        for attempt in range(1, _TRIES + 1):
            answer, trouble = self._once(self.headers(run_id, media_type), packed)
            if answer is not None and answer.status in (200, 202):
                return _receipt(answer)
            if answer is not None and answer.status not in _PASSES:
                raise _refusal(answer)
            wait = self._wait_seconds(attempt, answer)
            if attempt == _TRIES or wait > _MOST_RETRY_AFTER_SECONDS:
                break
            self.say("%s; trying again in %.1f s (%d of %d)" % (trouble, wait, attempt, _TRIES))
            self.sleep(wait)
        raise Unreachable("%s; given up after %d tries" % (trouble, attempt))

    def _once(self, headers: Dict[str, str], packed: bytes) -> "tuple[Optional[Answer], str]":
        try:
            answer = _post(self.url, headers, packed, self.insecure)
        except (OSError, http.client.HTTPException) as error:
            return None, "no answer from %s (%s)" % (
                urlsplit(self.url).netloc,
                _harmless(str(getattr(error, "reason", None) or error)),
            )
        return answer, "%s answered %d%s" % (urlsplit(self.url).netloc, answer.status, _detail(answer))

    def _wait_seconds(self, attempt: int, answer: Optional[Answer]) -> float:
        """Doubling, with jitter so that a farm does not come back as one; or what the server asks for."""
        backoff = min(_MOST_WAIT_SECONDS, 2.0 ** (attempt - 1)) * (0.5 + self.chance() / 2)
        asked = retry_after(answer.headers.get("retry-after", ""), time.time()) if answer else None
        return backoff if asked is None else asked + self.chance()


def retry_after(value: str, now: float) -> Optional[float]:
    """Seconds from a Retry-After header, which is a number or a date (RFC 9110, 10.2.3)."""
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except (TypeError, ValueError):
        return None


def _post(url: str, headers: Dict[str, str], packed: bytes, insecure: bool) -> Answer:
    for _ in range(_MOST_REDIRECTS + 1):
        answer = _post_once(url, headers, packed)
        if answer.status not in _REDIRECTS:
            return answer
        url = _next(url, answer, insecure)
    raise Unwelcome("%s redirects too often" % url)


def _next(url: str, answer: Answer, insecure: bool) -> str:
    """Where a redirect leads. The token goes to no other host, port or weaker scheme."""
    there = urljoin(url, answer.headers.get("location", ""))
    old, new = urlsplit(url), urlsplit(there)
    upgraded = old.scheme == "http" and new.scheme == "https" and old.hostname == new.hostname
    if not upgraded and (old.scheme, old.netloc) != (new.scheme, new.netloc):
        raise Unwelcome("%s redirects to another host, %s: not followed" % (old.netloc, _harmless(new.netloc)))
    _demand_privacy(there, insecure)
    return there


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Redirects come back as answers: urllib would turn the POST into a GET, and go to any host."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_StayHere)
# $http_proxy would be shown a token that goes in the clear: to this machine, or to the one host that --insecure meant.
_WITHOUT_PROXY = urllib.request.build_opener(_StayHere, urllib.request.ProxyHandler({}))


def _post_once(url: str, headers: Dict[str, str], packed: bytes) -> Answer:
    request = urllib.request.Request(url, packed, headers, method="POST")
    try:
        parts = urlsplit(url)
        opener = _WITHOUT_PROXY if parts.scheme == "http" or _is_loopback(parts.hostname or "") else _OPENER
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
            return Answer(response.status, _lower(response.headers), response.read(_MOST_ANSWER_BYTES), url)
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _lower(error.headers), error.read(_MOST_ANSWER_BYTES), url)


def _lower(headers: Any) -> Dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _demand_privacy(url: str, insecure: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unwelcome("%s is no http or https address" % url)
    if parts.scheme == "http" and not insecure and not _is_loopback(parts.hostname):
        raise Unwelcome("plain http would show the token on the way to %s: use https, or --insecure" % parts.hostname)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _json(body: bytes) -> Dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _receipt(answer: Answer) -> Receipt:
    told = _json(answer.body)
    address = urljoin(answer.url, answer.headers.get("location", ""))
    return Receipt(_harmless(str(told.get("id", ""))), _harmless(str(told.get("state", ""))), _harmless(address))


def _detail(answer: Answer) -> str:
    """What a problem document (RFC 9457) says, as one piece of text."""
    problem = _json(answer.body)
    said = [str(problem[name]) for name in ("title", "detail") if problem.get(name)]
    faults = problem.get("errors") or problem.get("faults")
    if faults:
        said.append(json.dumps(faults)[:2000])
    return ": " + _harmless("; ".join(said)) if said else ""


def _harmless(text: str) -> str:
    """What a server says, for a terminal that may be root's: one line, without what a terminal would obey, bounded."""
    return naming.visible(text[:_MOST_SHOWN]).replace("\ufffd", "?")


def _refusal(answer: Answer) -> NotSent:
    text = "answered %d%s" % (answer.status, _detail(answer))
    return Refused(text) if 400 <= answer.status < 500 and answer.status not in _ABOUT_US else Unwelcome(text)
