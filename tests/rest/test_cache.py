"""The cache is one for all processes, and a flood of it takes nothing from anybody."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings as configured
from django.core.cache import cache, caches
from django.core.checks import run_checks
from django.core.checks.registry import Tags
from django.db import connection
from django.utils import timezone

from rest import cache as shared
from rest.models import Cached
from tests import builders
from tests.at_once import at_once
from tests.test_settings import GOOD

ROOT = Path(__file__).parents[2]
HERE = pytest.mark.django_db


@HERE
def test_it_keeps_what_it_is_given_until_it_expires() -> None:
    assert cache.get("a") is None and cache.add("a", [1, "x"], 60) and not cache.add("a", 2, 60)
    assert cache.get("a") == [1, "x"] and cache.touch("a", 90) and cache.delete("a")
    assert not cache.touch("a", 90) and cache.get("a") is None
    cache.set("b", 1, None)
    cache.set("b", 2, 60)
    assert cache.get_many(["a", "b"]) == {"b": 2}
    Cached.objects.update(expires=timezone.now() - timedelta(hours=1))
    assert cache.get("b") is None and not cache.touch("b", 60)
    cache.set("b", 3, 60)
    Cached.objects.update(expires=timezone.now() - timedelta(hours=1))
    assert cache.add("b", 4, 60) and cache.get("b") == 4


@pytest.mark.django_db(transaction=True)
def test_of_many_who_add_at_once_one_does_also_where_it_had_expired() -> None:
    cache.set("code", "y", 60)
    Cached.objects.update(expires=timezone.now() - timedelta(hours=1))
    added: list[bool] = []
    at_once(*[lambda: added.append(caches.create_connection("default").add("code", "y", 30))] * 8)
    assert sorted(added) == [False] * 7 + [True]


@pytest.mark.django_db(transaction=True)
def test_a_code_of_a_second_factor_counts_once_in_two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", lambda: [7])
    jane = builders.person("jane")
    factor = totp.TOTP.activate(jane, totp.generate_totp_secret())
    code = totp.format_hotp_value(totp.hotp_value(factor.instance.data["secret"], 7))
    there = f"""
import django, sys
django.setup()
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth
auth.yield_hotp_counters_from_time = lambda: [7]
print(auth.TOTP(Authenticator.objects.get(pk={factor.instance.pk})).validate_code({code!r}))
"""
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}",
        "UNMIGRATABLE_MODE": "local",
        "UNMIGRATABLE_SECRET_KEY": configured.SECRET_KEY,
        "CELERY_BROKER_URL": "memory://",
    }
    run = subprocess.run(
        [sys.executable, "-c", there], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (run.stdout.strip(), run.stderr) == ("True", "")
    assert not totp.TOTP(Authenticator.objects.get()).validate_code(code)


@HERE
def test_a_flood_takes_away_what_expires_first_and_no_limit_before_its_time() -> None:
    cache.set("limit", [1.0], 300)
    for number in range(20):
        cache.set(f"flood-{number}", "x", 10 if number % 2 else 600)
    Cached.objects.filter(cache_key__contains="flood-1").update(expires=timezone.now() - timedelta(hours=1))
    shared.sweep(most=12)
    assert cache.get("limit") == [1.0] and cache.get("flood-1") is None and cache.get("flood-2") == "x"
    shared.sweep(most=0)
    assert not Cached.objects.exists()


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache", "filebased.FileBasedCache"])
def test_a_cache_of_each_process_is_refused_in_production(settings: Any, backend: str, tmp_path: Path) -> None:
    settings.LOCAL = False
    assert run_checks(tags=[Tags.caches]) == []
    settings.CACHES = {
        "default": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": str(tmp_path / "cache")}
    }
    assert "unmigratable.E001" in {found.id for found in run_checks(tags=[Tags.caches])}
    settings.LOCAL = True
    assert "unmigratable.E001" not in {found.id for found in run_checks(tags=[Tags.caches])}


def test_production_takes_the_shared_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from django.conf import settings; print(settings.CACHES['default']['BACKEND'])"],
        env={**GOOD, "DJANGO_SETTINGS_MODULE": "config.settings"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "rest.cache.SharedCache"
