"""Whoever spells a kernel or an architecture in another way speaks of the same one: what comes, and what was stored."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from catalog.models import KernelBuild, Tally, Total
from diagnosis.kernels import releases
from reports.models import Evidence, Observation, Requeue
from reports.worker import ingest, requeue
from tests import builders

pytestmark = pytest.mark.django_db
DESCRIBED, PRINTED = "v6.15-rc7-7-g4a95bc121ccd", "6.15.0-rc7-00007-g4a95bc121ccd"
HASH = "4a95bc121ccd8ba2a0a4ee3b2b4f7a9a0b1c2d3e"
DAY = "next-20250522"


def settle(release: str, architecture: str = "x86_64", label: str = "") -> Any:
    kernel = {"release": release, "architecture": architecture, **({"label": label} if label else {})}
    return builders.settled(kernel=kernel)


def with_evidence() -> list[str]:
    return sorted(Total.objects.values_list("build__release", flat=True).distinct())


def test_a_described_tag_and_what_uname_prints_are_pooled() -> None:
    builders.case()
    settle(DESCRIBED, "arm64")
    settle(PRINTED, "aarch64")
    (tally,) = Tally.objects.all()
    assert (tally.runs, tally.build.release, tally.architecture) == (2, PRINTED, "aarch64")


@pytest.mark.parametrize("order", [(HASH, PRINTED), (PRINTED, HASH)])
def test_a_hash_alone_is_the_one_kernel_that_ends_with_it_whichever_comes_first(order: tuple[str, str]) -> None:
    builders.case()
    for release in order:
        settle(release)
    requeue.respell()
    ingest.drain()
    assert (with_evidence(), Tally.objects.get().runs) == ([PRINTED], 2)
    assert requeue.respell() == 0, "nothing is left to do"


def test_a_day_of_linux_next_is_the_kernel_that_ends_with_it() -> None:
    builders.case()
    settle(DAY)
    settle(f"6.15.0-rc7-{DAY}")
    requeue.respell()
    ingest.drain()
    assert (with_evidence(), Tally.objects.get().runs) == ([f"6.15.0-rc7-{DAY}"], 2)


def test_a_hash_that_two_kernels_end_with_stays_by_itself_and_labels_keep_apart() -> None:
    builders.case()
    for release in (PRINTED, "6.15.0-rc7-lab-00007-g4a95bc121ccd", HASH):
        settle(release)
    assert len(with_evidence()) == 3
    settle(HASH, label="fix v2")
    assert KernelBuild.objects.filter(label="fix v2").get().release == HASH
    assert requeue.respell() == 0


def test_what_an_earlier_release_stored_under_another_spelling_meets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    builders.case()
    settle(PRINTED, "aarch64")
    with monkeypatch.context() as before:
        before.setattr(releases, "identity", lambda raw: raw.removeprefix("v"))
        before.setattr(releases, "architecture", lambda name: name)
        settle(DESCRIBED, "arm64")
        settle("6.15.0", "x86")
    assert len(with_evidence()) == 3
    assert requeue.respell() == 2
    assert Requeue.objects.count() == 0
    ingest.drain()
    assert with_evidence() == ["6.15.0", PRINTED]
    assert sorted(Tally.objects.values_list("architecture", "runs")) == [("aarch64", 2), ("x86_64", 1)]
    assert not Observation.objects.filter(architecture__in=releases.OTHER_ARCHITECTURES).exists()
    assert requeue.respell() == 0


def test_a_kernel_is_found_by_either_name() -> None:
    builders.case()
    settle(PRINTED)
    settle("6.15.0")
    client = Client()
    for name in (DESCRIBED, PRINTED):
        assert client.get(f"/api/v1/kernels/{name}/").json()["release"] == PRINTED
        assert "hangs" in client.get(f"/kernels/{name}/").content.decode()
        answer = client.get("/api/v1/compare/", {"a": name, "b": "v6.15"})
        assert answer.json()["a"]["release"] == PRINTED
    assert Evidence.objects.count() == 2
