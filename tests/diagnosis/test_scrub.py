"""What is private goes, what a reader needs stays."""

from __future__ import annotations

import pytest

from diagnosis.formats import redact
from tests import cpu


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("Linux version 6.1 (me@buildbox) (gcc)", "Linux version 6.1 (builder@hidden) (gcc)"),
        ("Linux version 6.1 (debian-kernel@lists.debian.org)", "Linux version 6.1 (builder@hidden)"),
        ("from jane.doe+k@mail.example.org today", "from mail@hidden today"),
        ("eth0: 52:54:00:AB:cd:ef up", "eth0: mac-hidden up"),
        ("nfs: server 192.168.7.20 not responding", "nfs: server ip-hidden not responding"),
        ("nfs: server 192.168.7.20:2049, timed out", "nfs: server ip-hidden, timed out"),
        ("nfsroot=10.0.0.5:/srv", "nfsroot=ip-hidden:/srv"),
        ("nfs: server 2001:db8::17 not responding", "nfs: server ip-hidden not responding"),
        ("addr=[fe80::5054:ff:feab:cdef]:22", "addr=[ip-hidden]:22"),
        ("2001:db8:1:2:3:4:5:6", "ip-hidden"),
        ("/home/jane/linux/mm", "/home/hidden/linux/mm"),
        ('cd "/home/jane"', 'cd "/home/hidden"'),
        ("root=UUID=0a1B2c3d-0000-4000-8000-00000000000f ro", "root=UUID=uuid-hidden ro"),
        ("6.12.0.1", "ip-hidden"),
    ],
)
def test_what_is_private_is_taken_out(given: str, left: str) -> None:
    assert redact.text(given) == left


@pytest.mark.parametrize(
    "line",
    [
        "6.12.57+deb13-amd64",
        "6.1.0-41-amd64",
        "5.14.0-570.12.1.el9_6.x86_64",
        "gcc-12 (Debian 12.2.0-14) 12.2.0",
        "folio_wait_bit_common+0x13d/0x350",
        "fuse_fill_write_pages+0x1a/0x2b0 [fuse]",
        "listening on 127.0.0.1 and 0.0.0.0 and ::1 and ::",
        "localhost",
        "pci 0000:00:1f.2: [8086:2922]",
        "12:34:56 up",
        "crashkernel=384M-2G:64M,2G-:128M",
        "Documentation/admin-guide/sysctl/fs.rst",
        "/homestead/jane",
        "mm::folio",
    ],
)
def test_what_a_reader_needs_stays(line: str) -> None:
    assert redact.text(line, "localhost") == line


def test_the_hosts_own_name_goes_where_it_stands_alone() -> None:
    line = "box kernel: box, box.example and mailbox, box-2, my-box, boxes"
    assert redact.text(line, "box") == (
        "host-hidden kernel: host-hidden, host-hidden.example and mailbox, box-2, my-box, boxes"
    )
    assert redact.text("a.b", "a.b") == "host-hidden" and redact.text("axb", "a.b") == "axb"


def test_a_name_too_short_to_mean_a_host_stays() -> None:
    assert redact.text("vm is up", "vm") == "vm is up"


def test_every_string_is_reached_of_names_unknown_too_and_nothing_else_changes() -> None:
    given = {"a@b.c": ["x@y.org", {"n": 1, "t": True, "z": None, "f": 0.5}], "home": "/home/me"}
    left = {"a@b.c": ["mail@hidden", {"n": 1, "t": True, "z": None, "f": 0.5}], "home": "/home/hidden"}
    assert redact.envelope(given) == left


def test_a_text_that_grows_is_cut_only_where_its_field_ends() -> None:
    line = "a@b.c " * 50
    left = redact.envelope({"kernel": {"version": line}, "runs": [{"log": [line]}]})
    assert left["kernel"]["version"] == redact.text(line)[:300]
    assert left["runs"][0]["log"] == [redact.text(line)]
    assert len(redact.text(line)) == 600


def test_what_says_which_measurement_it_is_stays_on_a_host_named_like_a_word() -> None:
    report = {
        "format": "unmigratable-report",
        "run_id": "10.0.0.1-guest",
        "environment": "guest",
        "kernel": {"release": "2.6.32.27", "architecture": "guest", "version": "#1 guest"},
        "runs": [{"case": "guest", "mover": "guest", "reason": "guest sleeps", "facts": {"on": "guest"}}],
    }
    left = redact.envelope(report, "guest")
    assert (left["run_id"], left["environment"]) == ("10.0.0.1-guest", "guest")
    assert left["kernel"] == {"release": "2.6.32.27", "architecture": "guest", "version": "#1 host-hidden"}
    assert left["runs"] == [
        {"case": "guest", "mover": "guest", "reason": "host-hidden sleeps", "facts": {"on": "host-hidden"}}
    ]


@pytest.mark.whole
@pytest.mark.parametrize(
    "piece", ["a.", "1.", "a-", ":", "a@", "a@b.", "a@b.-", "1:", "1.1.1.1:", "(a@", "/home/", "0a:", "::1 "]
)
def test_one_line_of_a_mebibyte_costs_time_by_its_length_alone(piece: str) -> None:
    with cpu.bounded(2):
        redact.text((piece * (1 << 20))[: 1 << 20])


@pytest.mark.parametrize("before", ["", "<", " ", "(", ":", "@"])
def test_an_address_is_found_whole_wherever_it_begins(before: str) -> None:
    for name in ("jane", ".jane", "-jane", "+jane", "a.b-c+d"):
        assert redact.text(f"x {before}{name}@example.org") == f"x {before}mail@hidden"
