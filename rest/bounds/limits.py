"""How often somebody may ask: the same on every node, without a row that every request writes.

    limits.spend(request, "diagnose")      raises `Exhausted` (429 with Retry-After) when the window's units are gone

A process leases units of a window in blocks from the database and spends them in memory, so a busy machine costs
one write a block, and a client that has spent all costs none: nothing is given back before the window ends. The sum
of all leases never exceeds the limit; what a process leased and did not spend is lost to the window, at the most one
block for each thread. `Headers` tells what is left (RateLimit, RateLimit-Policy:
draft-ietf-httpapi-ratelimit-headers); a block that another process leased is not counted as left.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from rest_framework.throttling import BaseThrottle

from rest import cache, problems
from rest.bounds import attempts
from rest.bounds.addresses import address, network
from rest.models import Allowance

ViewFunction = Callable[..., HttpResponse]
MAX_LEASES = 10_000
MAX_FORM_BYTES = 12 << 20  # a mailbox of 8 MiB is the most that any takes
BLOCKS = 50
CLOCKS_APART = timedelta(hours=2)  # what the clocks of nodes may differ by
WATCHED = ("/healthz", "/readyz", "/metrics")  # asked by who watches the site, and never refused


@dataclass(frozen=True)
class Limit:
    """So many units in each window of so many seconds."""

    units: int
    seconds: int

    @property
    def block(self) -> int:
        return max(1, self.units // BLOCKS)


@dataclass
class Lease:
    """What this process holds of a window: `unspent` of its own lease, `unleased` by any process.

    `is_last`: the database has no more, and will have none before the window ends.
    """

    window: int
    unspent: int = 0
    unleased: int = 0
    is_last: bool = False


class Exhausted(problems.Documented):
    """Asked too often. `wait_seconds` until the next window."""

    def __init__(self, name: str, limit: Limit, wait_seconds: int) -> None:
        self.name, self.limit, self.wait_seconds = name, limit, wait_seconds
        self.headers = {"Retry-After": str(wait_seconds)}
        super().__init__(f"{name}: {limit.units} in {limit.seconds} s")

    def document(self) -> dict[str, Any]:
        detail = f"{self.name}: up to {self.limit.units} in {self.limit.seconds} s. Try again in {self.wait_seconds} s."
        return problems.of_code("too-many-requests", detail)


_leases: OrderedDict[tuple[str, str], Lease] = OrderedDict()
# Never held while the database is asked: one locked row, or a server that is away, would stop everybody's limits.
_lock = threading.Lock()

# The condition makes the lease and the limit one step; what was granted is written with it, since a sub-select would
# see the row as it was before a lease that this one waited for.
_LEASE = """
INSERT INTO rest_allowance AS a (name, who, "window", leased, granted, ends_at)
VALUES (%(name)s, %(who)s, %(window)s, %(first)s, %(first)s, %(ends_at)s)
ON CONFLICT (name, who, "window") DO UPDATE
    SET granted = least(%(block)s, %(units)s - a.leased), leased = least(a.leased + %(block)s, %(units)s)
    WHERE a.leased < %(units)s
RETURNING leased, granted
"""


def spend(request: Any, name: str, units: int = 1, who: str = "") -> None:
    """Takes `units` of the limit called `name` from whoever sent the request. Raises `Exhausted`.

    A name that is not in the settings is no limit. `who` is for what is counted under another name than the sender's;
    the answer's headers do not tell of that, and no request is needed.
    """
    if name not in settings.LIMITS:
        return
    limit = Limit(*settings.LIMITS[name])
    now = time.time()
    window, wait = int(now // limit.seconds), math.ceil(limit.seconds - now % limit.seconds)
    is_own, who = not who, who or client_key(request)
    enough, left = _taken((name, who), window, limit, units)
    if is_own:
        _attach_headers(request, name, limit, left, wait)
    if not enough:
        raise Exhausted(name, limit, wait)


def client_key(request: Any) -> str:
    """A machine by its token, a person by the session, anybody else by the address.

    All machines of one person that are not trusted count as one: else whoever adds machines adds to the limit.
    """
    machine = getattr(getattr(request, "auth", None), "machine", None)
    if machine is not None:
        return f"machine {machine.pk}" if machine.is_trusted else f"owner {machine.owner_id}"
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return f"person {user.pk}"
    return f"address {network(address(request))}"


class Throttle(BaseThrottle):
    """For every API view: `limit = "send"` in the view names its limit, "read" else. '' is none.

    Where there is a limit "new-send", it is that of machines that are not trusted.
    """

    def allow_request(self, request: Any, view: Any) -> bool:
        name = getattr(view, "limit", "read")
        machine = getattr(getattr(request, "auth", None), "machine", None)
        if machine is not None and not machine.is_trusted and f"new-{name}" in settings.LIMITS:
            name = f"new-{name}"
        if name:
            spend(request, name)
        return True


class Headers:
    """Middleware: what is left of the limit that a request spent from. Whatever a page takes by POST spends a "write",
    so that no form can be sent without end, those of other packages neither; whatever it gives spends a "page", and one
    that searches a "search"."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in getattr(request, "limit_headers", {}).items():
            response[name] = value
        return response

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        if problems.is_api(request):
            return None
        if request.method in ("GET", "HEAD") and request.path not in WATCHED:
            return self._spent(request, "search" if "q" in request.GET else "page")
        if request.method != "POST":
            return None
        # Django bounds the fields of a form, not its files: those would be written to the disk before any view looks.
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or len(length) > 18 or int(length) > MAX_FORM_BYTES:
            detail = f"A form takes up to {MAX_FORM_BYTES} bytes, with its files."
            return refused(request, 413, "Too much at once.", detail)
        return self._spent(request, "write")

    def _spent(self, request: HttpRequest, name: str) -> HttpResponse | None:
        try:
            spend(request, name)
        except Exhausted as error:
            return self.process_exception(request, error)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Outside the API framework, which handles its own."""
        if not isinstance(error, Exhausted):
            return None
        detail = error.document()["detail"]
        if problems.is_api(request):
            answer = problems.answer(429, "Too many requests.", detail)
        else:
            answer = refused(request, 429, "Too many requests.", detail)
        answer["Retry-After"] = str(error.wait_seconds)
        return answer


def refused(request: HttpRequest, status: int, title: str, detail: str) -> HttpResponse:
    """A page for who asks for HTML; `curl`, which asks for anything, gets text, as from the pages that give it text."""
    if wants_page(request):
        answer = render(request, "error.html", {"status": status, "title": title, "detail": detail}, status=status)
    else:
        answer = in_words(status, title, detail)
    answer["Vary"] = "Accept, Cookie"
    return answer


def wants_page(request: HttpRequest) -> bool:
    return "text/html" in request.headers.get("Accept", "text/html")


def in_words(status: int, title: str, detail: str = "") -> HttpResponse:
    return HttpResponse(f"{title} {detail}".strip() + "\n", status=status, content_type="text/plain; charset=utf-8")


def sweep() -> int:
    """Deletes past windows, expired cache entries and old failures.

    A window goes two hours after its end: a node whose clock is an hour ahead deleted those that others counted in.
    """
    cache.sweep()
    attempts.sweep()
    return Allowance.objects.filter(ends_at__lt=timezone.now() - CLOCKS_APART).delete()[0]


def spent_by_post(name: str) -> Callable[[ViewFunction], ViewFunction]:
    """Decorates a page whose form may be sent so often."""

    def decorate(view: ViewFunction) -> ViewFunction:
        @wraps(view)
        def limited(request: HttpRequest, *args: Any, **given: Any) -> HttpResponse:
            if request.method == "POST":
                spend(request, name)
            return view(request, *args, **given)

        return limited

    return decorate


def _taken(key: tuple[str, str], window: int, limit: Limit, units: int) -> tuple[bool, int]:
    """Whether the units were taken, and how many are left.

    While nobody holds the lock, another thread may spend what this one has leased: then it leases again.
    """
    while True:
        with _lock:
            lease = _lease_of(key, window)
            enough = lease.unspent >= units
            if enough:
                lease.unspent -= units
            if enough or lease.is_last:
                return enough, lease.unspent + lease.unleased
            block = max(limit.block, units - lease.unspent)
        _renew(lease, *key, limit, block)


def _lease_of(key: tuple[str, str], window: int) -> Lease:
    lease = _leases.get(key)
    if lease is None or lease.window != window:
        lease = _leases[key] = Lease(window)
    _leases.move_to_end(key)
    while len(_leases) > MAX_LEASES:
        _leases.popitem(last=False)
    return lease


def _renew(lease: Lease, name: str, who: str, limit: Limit, block: int) -> None:
    """Leases another block, or the rest of the limit."""
    given: dict[str, Any] = {
        "name": name,
        "who": who,
        "window": lease.window,
        "block": block,
        "units": limit.units,
        "first": min(block, limit.units),
        "ends_at": datetime.fromtimestamp((lease.window + 1) * limit.seconds, tz=UTC),
    }
    with connection.cursor() as cursor:
        cursor.execute(_LEASE, given)
        leased, granted = cursor.fetchone() or (limit.units, 0)
    with _lock:
        lease.unspent += granted
        lease.unleased = limit.units - leased
        lease.is_last = lease.is_last or lease.unleased == 0


def _attach_headers(request: Any, name: str, limit: Limit, left: int, wait: int) -> None:
    plain = getattr(request, "_request", request)
    plain.limit_headers = {
        "RateLimit-Policy": f'"{name}";q={limit.units};w={limit.seconds}',
        "RateLimit": f'"{name}";r={left};t={wait}',
    }
