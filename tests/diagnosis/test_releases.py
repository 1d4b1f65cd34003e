"""What `uname -r` prints, to a line of kernels and an order of builds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnosis.kernels.releases import architecture, compare, ending, identity, read, read_uname

FINAL = 10_000


@pytest.mark.parametrize(
    ("raw", "line", "vendor", "order"),
    [
        ("6.1.0-41-amd64", "6.1", "", (6, 1, 0, FINAL, 41)),
        ("6.1.0-41-cloud-amd64", "6.1", "", (6, 1, 0, FINAL, 41)),
        ("6.12.57+deb13-amd64", "6.12", "", (6, 12, 57, FINAL)),
        ("6.18.4-arch1-1", "6.18", "", (6, 18, 4, FINAL, 1, 1)),
        ("6.19.0-rc3", "6.19", "", (6, 19, 0, 3)),
        ("6.19-rc3-123-gabcdef", "6.19", "", (6, 19, 0, 3, 123)),
        ("7.3~rc7", "7.3", "", (7, 3, 0, 7)),
        ("7.3~rc7-amd64", "7.3", "", (7, 3, 0, 7)),
        ("7.3", "7.3", "", (7, 3, 0, FINAL)),
        ("5.14.0-570.el9.x86_64", "el9 5.14", "el9", (5, 14, 0, FINAL, 570)),
        ("5.14.0-570.elx.x86_64", "5.14", "", (5, 14, 0, FINAL)),
        ("6.1.141-155.222.amzn2023.x86_64", "amzn2023 6.1", "amzn2023", (6, 1, 141, FINAL, 155, 222)),
        ("6.8.0-60-generic", "ubuntu 6.8", "ubuntu", (6, 8, 0, FINAL, 60)),
        ("6.8.0-1030-aws", "ubuntu 6.8", "ubuntu", (6, 8, 0, FINAL, 1030)),
        ("6.8.12-060812-generic", "6.8", "", (6, 8, 12, FINAL)),
        ("5.15.0-206.153.7.el8uek.x86_64", "uek 5.15", "uek", (5, 15, 0, FINAL, 206, 153, 7)),
        ("6.6.87.2-microsoft-standard-WSL2", "wsl2 6.6", "wsl2", (6, 6, 87, FINAL, 2)),
        ("6.6.78.1-3.azl3", "azl3 6.6", "azl3", (6, 6, 78, FINAL, 1)),
        ("6.8.12-9-pve", "pve 6.8", "pve", (6, 8, 12, FINAL, 9)),
        ("6.4.0-150600.23.47-default", "suse 6.4", "suse", (6, 4, 0, FINAL, 150600, 23, 47)),
        ("6.1.0-0.deb11.13-amd64", "6.1", "", (6, 1, 0, FINAL)),
        ("6.11.4-301.fc41.x86_64", "6.11", "", (6, 11, 4, FINAL, 301)),
        ("6.8.0-generic", "6.8", "", (6, 8, 0, FINAL)),
        ("6.1.75-android14-11-gabc", "android14 6.1", "android14", (6, 1, 75, FINAL, 11)),
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
    made = [
        "garbage",
        "5.14.0-570.el9",
        "6.1.0-9-amd64",
        "6.1.0-41-amd64",
        "6.9.1",
        "6.12-rc1",
        "6.12-rc10",
        "6.12",
        "6.12.9",
        "6.12.57",
        "7.3~rc7",
    ]
    assert sorted(sorted(made), key=lambda raw: read(raw).order) == made


@pytest.mark.parametrize(
    ("one", "other", "order"),
    [
        ("6.1.0-9-amd64", "6.1.0-41-cloud-amd64", -1),
        ("6.1.0-41-amd64", "6.1.158", None),  # which stable release Debian's name hides
        ("6.1.0-41-amd64", "6.1.0-0.deb11.13-amd64", 1),
        ("6.12.57+deb13-amd64", "6.12.57", 0),
        ("6.12.57+deb13-amd64", "6.13.1", None),
        ("6.8.0-60-generic", "6.8.0-1030-aws", None),  # flavours count for themselves
        ("6.8.0-60-generic", "6.8.0-61-generic", -1),
        ("5.14.0-611.el9.x86_64", "5.14.0-570.12.1.el9_6.x86_64", 1),
        ("5.14.0-570.el9.x86_64", "5.14.21", None),
        ("6.19-rc3-123-gabcdef", "6.19-rc3", 1),
        ("6.19-rc3-123-gabcdef", "6.19", -1),
        ("nonsense", "nonsense", None),
    ],
)
def test_two_builds_are_compared_where_their_names_tell(one: str, other: str, order: int | None) -> None:
    assert compare(read(one), read(other)) == order
    assert compare(read(other), read(one)) == (None if order is None else -order)


@pytest.mark.parametrize(
    ("text", "raw", "order"),
    [
        ("6.1.0-41-amd64", "6.1.0-41-amd64", (6, 1, 0, FINAL, 41)),
        ("Linux box 6.1.0-41-amd64 #1 SMP Debian 6.1.158-1 (2025) x86_64", "6.1.0-41-amd64", (6, 1, 158, FINAL)),
        ("6.1.0-41-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.158-1 (2025-11-09)", "6.1.0-41-amd64", (6, 1, 158, FINAL)),
        ("6.1.0-41-amd64 #1 SMP Debian 6.12.158-1 (2025-11-09)", "6.1.0-41-amd64", (6, 1, 0, FINAL, 41)),
        ("Linux version 6.18.44 (builder@hidden) (gcc (GCC) 15.3.0) #1 SMP", "6.18.44", (6, 18, 44, FINAL)),
        ("6.12.57 deb13-amd64", "6.12.57+deb13-amd64", (6, 12, 57, FINAL)),  # a plus that a URL made a space
        (" v6.12.57\n", "6.12.57", (6, 12, 57, FINAL)),
    ],
)  # fmt: skip
def test_what_people_bring_is_read(text: str, raw: str, order: tuple[int, ...]) -> None:
    release = read_uname(text)
    assert release is not None and (release.raw, release.order) == (raw, order)


@pytest.mark.parametrize(
    "text", ["", "   ", "nonsense", "6", "-", "Linux", "#1 SMP", "6.", "x" * 10_000, "6.1" + "9" * 200]
)
def test_what_is_no_kernel_is_none(text: str) -> None:
    assert read_uname(text) is None


@given(st.text(max_size=600))
def test_anything_may_be_brought(text: str) -> None:
    release = read_uname(text)
    assert release is None or release.is_known


@given(st.text(max_size=120))
def test_any_string_has_a_line(raw: str) -> None:
    assert read(raw).line or not raw


# What a tag, `git describe` or a CI calls a kernel, and what that kernel prints. Each meets itself, too.
MEET = [
    ("v6.15-rc7-7-g4a95bc121ccd", "6.15.0-rc7-00007-g4a95bc121ccd"),
    ("v6.15-rc7-7-g4a95bc121ccd8ba2a0", "6.15.0-rc7-00007-g4a95bc121ccd"),
    ("v6.15-rc7-7-g4a95bc121ccd-dirty", "6.15.0-rc7-00007-g4a95bc121ccd-dirty"),
    ("v6.15-rc7-123456-g4a95bc121ccd", "6.15.0-rc7-123456-g4a95bc121ccd"),
    ("v6.15-rc7-0-g4a95bc121ccd", "6.15.0-rc7"),
    ("v6.15", "6.15.0"),
    ("6.15", "6.15.0"),
    ("v6.15-rc7", "6.15.0-rc7"),
    ("v6.15-rc7+", "6.15.0-rc7+"),
    ("v6.15-dirty", "6.15.0-dirty"),
    ("v6.15.3", "6.15.3"),
    ("v6.15.3-rc1", "6.15.3-rc1"),
    ("v6.15.3-12-gabcdef012345", "6.15.3-00012-gabcdef012345"),
    ("v2.6.32.27", "2.6.32.27"),
    ("v6.15-rc7-next-20250522", "6.15.0-rc7-next-20250522"),
    ("next-20250522", "next-20250522"),
    ("next-20250522-3-g4a95bc121ccd", "next-20250522-00003-g4a95bc121ccd"),
    ("4A95BC121CCD8ba2a0a4ee3b2b4f7a9a0b1c2d3e", "4a95bc121ccd8ba2a0a4ee3b2b4f7a9a0b1c2d3e"),
]
# Nothing tells that these are one kernel, or it is known that they are not.
APART = [
    ("6.15.0-rc7", "6.15.0-rc7-amd64"),
    ("6.15-rc7", "6.15-rc7-amd64"),
    ("6.15.0", "6.15.0+"),
    ("6.15.0-rc7+", "6.15.0-rc7"),
    ("6.15.0-dirty", "6.15.0"),
    ("6.15.0", "6.15.0-rc1"),
    ("v6.15", "v6.15.1"),
    ("v6.15-rc7", "v6.15-rc70"),
    ("6.12.57", "6.12.57+deb13-amd64"),
    ("6.8.0", "6.8.0-60-generic"),
    ("5.14.0", "5.14.0-570.el9.x86_64"),
    ("6.18.4", "6.18.4-arch1-1"),
    ("6.11.4", "6.11.4-301.fc41.x86_64"),
    ("6.15.0-rc7-00007-g4a95bc121ccd", "6.15.0-rc7-00008-g4a95bc121ccd"),
    ("6.15.0-rc7-00007-g4a95bc121ccd", "6.15.0-rc7-lab-00007-g4a95bc121ccd"),
    ("6.15.0-rc7-00007-g4a95bc1", "6.15.0-rc7-00007-g4a95bc121ccd"),
    ("next-20250522", "next-20250523"),
    ("6.15.0-rc7-next-20250522", "6.15.0-rc7"),
    ("6.15-1", "6.15-2"),
    ("v6.15-custom", "6.15.0-custom"),
    ("", "0.0.0"),
    ("garbage", "vgarbage"),
]


@pytest.mark.parametrize(("said", "printed"), MEET)
def test_one_kernel_has_one_name_whoever_says_it(said: str, printed: str) -> None:
    assert identity(said) == identity(printed) == printed == identity(identity(said))


@pytest.mark.parametrize(("one", "other"), APART)
def test_two_kernels_do_not_meet(one: str, other: str) -> None:
    assert identity(one) != identity(other)


@pytest.mark.parametrize(
    "raw", ["v6.1-custom", "6.12.57+deb13-amd64", "6.15-rc7-amd64", "5.14.0-570.el9.x86_64", "..", ""]
)
def test_what_is_not_upstreams_spelling_stays_as_it_is(raw: str) -> None:
    assert identity(raw) == raw


@given(st.text(max_size=130))
def test_an_identity_is_its_own_and_no_longer_than_a_release_may_be(raw: str) -> None:
    assert identity(identity(raw)) == identity(raw)
    assert len(identity(raw)) <= len(raw) + 9


@pytest.mark.parametrize(
    ("release", "end"),
    [
        ("4a95bc121ccd8ba2a0a4ee3b2b4f7a9a0b1c2d3e", "-g4a95bc121ccd"),
        ("next-20250522", "-next-20250522"),
        ("next-20250522-00003-g4a95bc121ccd", "-next-20250522-00003-g4a95bc121ccd"),
        ("6.15.0-rc7-next-20250522", ""),
        ("6.15.0", ""),
        ("next-door", ""),
        ("", ""),
    ],
)
def test_a_part_of_a_release_tells_how_the_whole_ends(release: str, end: str) -> None:
    assert ending(release) == end


@pytest.mark.parametrize(
    ("said", "machine"),
    [
        *(("arm64", "aarch64"), ("amd64", "x86_64"), ("x86", "x86_64"), ("x86_64", "x86_64"), ("i386", "i686")),
        *(("riscv", "riscv64"), ("s390", "s390x"), ("arm", "arm"), ("mips99", "mips99"), ("", "")),
    ],
)
def test_an_architecture_is_called_as_uname_calls_it(said: str, machine: str) -> None:
    assert architecture(said) == architecture(architecture(said)) == machine
