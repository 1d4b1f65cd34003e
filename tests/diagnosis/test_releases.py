"""What `uname -r` prints, to a line of kernels and an order of builds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnosis.releases import read

FINAL = 10_000


@pytest.mark.parametrize(
    ("raw", "line", "vendor", "order"),
    [
        ("6.1.0-41-amd64", "6.1", "", (6, 1, 0, FINAL)),
        ("6.1.0-41-cloud-amd64", "6.1", "", (6, 1, 0, FINAL)),
        ("6.12.57+deb13-amd64", "6.12", "", (6, 12, 57, FINAL)),
        ("6.18.4-arch1-1", "6.18", "", (6, 18, 4, FINAL)),
        ("6.19.0-rc3", "6.19", "", (6, 19, 0, 3)),
        ("6.19-rc3-123-gabcdef", "6.19", "", (6, 19, 0, 3)),
        ("7.3~rc7", "7.3", "", (7, 3, 0, 7)),
        ("7.3~rc7-amd64", "7.3", "", (7, 3, 0, 7)),
        ("7.3", "7.3", "", (7, 3, 0, FINAL)),
        ("5.14.0-570.el9.x86_64", "el9 5.14", "el9", (5, 14, 0, FINAL)),
        ("5.14.0-570.elx.x86_64", "5.14", "", (5, 14, 0, FINAL)),
        ("6.1.141-155.222.amzn2023.x86_64", "amzn2023 6.1", "amzn2023", (6, 1, 141, FINAL)),
        ("6.8.0-60-generic", "ubuntu 6.8", "ubuntu", (6, 8, 0, FINAL)),
        ("6.8.0-1030-aws", "ubuntu 6.8", "ubuntu", (6, 8, 0, FINAL)),
        ("6.8.0-generic", "6.8", "", (6, 8, 0, FINAL)),
        ("6.1.75-android14-11-gabc", "android14 6.1", "android14", (6, 1, 75, FINAL)),
        ("garbage", "garbage", "", (0, 0, 0, 0)),
        ("", "", "", (0, 0, 0, 0)),
        ("v6.1", "v6.1", "", (0, 0, 0, 0)),
        ("6", "6", "", (0, 0, 0, 0)),
    ],
)
def test_a_release_string_gives_its_line(raw: str, line: str, vendor: str, order: tuple[int, ...]) -> None:
    release = read(raw)
    assert (release.raw, release.line, release.vendor, release.order) == (raw, line, vendor, order)


def test_builds_sort_as_they_were_made() -> None:
    made = ["garbage", "5.14.0-570.el9", "6.9.1", "6.12-rc1", "6.12-rc10", "6.12", "6.12.9", "6.12.57", "7.3~rc7"]
    assert sorted(sorted(made), key=lambda raw: read(raw).order) == made


@given(st.text(max_size=120))
def test_any_string_has_a_line(raw: str) -> None:
    assert read(raw).line or not raw
