"""What a whole `inspect` says of the holder beside the mover's call trace: who is there, and who is not."""

from __future__ import annotations

import pytest

from diagnosis.answers.advice import now_for
from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.rules.verdict import Finding

WRITEBACK = ("folio_wait_bit_common+0x131/0x340", "folio_wait_writeback+0x2c/0x80", "migrate_pages_batch+0x558/0xe50")
LOCK = ("__folio_lock+0x17/0x20", "migrate_pages_batch+0x63f/0xe50")
SLOW = "inspect: fuse connection=29 {}mount=/slow daemons=134 comm=slowfs uid=0\n"
OWNED = (
    "inspect: suspects block=memory32 writeback=1 locked=0\n"
    "inspect: suspect pfn=0x100201 block=memory32 flags=MMAP,WRITEBACK fs=fuse device=0:29 pid=129 file=/slow/f\n"
)


def inspected(stack: tuple[str, ...], *lines: str, uid: int = 0) -> Finding:
    frames = "".join(
        f"[<0>] {frame}\n" for frame in (*stack, "do_migrate_range+0x2e0/0x3a0", "offline_pages+0x41f/0x680")
    )
    text = (
        f"inspect: kernel release=7.3.4+deb13-amd64 machine=x86_64 uid={uid}\n"
        f"inspect: task pid=142 comm=sh state=D wchan=folio_wait_bit_common block=memory32 uid=0\n{frames}"
        f"{''.join(lines)}inspect: counter name=nr_writeback before=16 after=16\n"
    )
    return diagnose(text, signatures()).findings[0]


def order(finding: Finding) -> list[str]:
    return [candidate.case for candidate in finding.candidates]


def test_a_daemon_is_named_where_nobody_counts_what_it_owes() -> None:
    """fusectl was not mounted: a FUSE server is there, and that is all."""
    first = inspected(WRITEBACK, SLOW.format("")).candidates[0]
    assert (first.case, first.is_proved) == ("fuse-writeback", False)
    assert "served by slowfs (pid 134, uid 0)" in first.support[0].text and "not to be seen" in first.support[0].text


def test_what_only_exists_weighs_less_than_a_server_that_is_complained_about() -> None:
    gone = "nfs: server files not responding, still trying\n"
    mount = "inspect: mount fs=nfs4 target=/home device=0:50\n"
    assert order(inspected(WRITEBACK, SLOW.format(""), mount, gone))[0] == "netfs-unresponsive-server"


@pytest.mark.parametrize(
    ("lines", "uid", "is_against"),
    [
        ((SLOW.format(""),), 0, True),
        (("inspect: mount fs=nfs4 target=/home device=0:50\n",), 0, False),
        (("inspect: mount fs=virtiofs target=/host device=0:51\n",), 0, True),
        ((SLOW.format(""),), 1000, False),  # it reads the mounts of its own namespace alone
    ],
)
def test_a_file_system_that_is_mounted_nowhere_holds_nothing(
    lines: tuple[str, ...], uid: int, is_against: bool
) -> None:
    found = {one.case: one for one in inspected(LOCK, *lines, uid=uid).candidates}
    said = [reason.text for reason in found["netfs-unresponsive-server"].contradiction]
    assert ("No network file system is mounted there." in said) == is_against


def test_no_fuse_mount_speaks_against_fuse() -> None:
    none, guest = (
        {one.case: one for one in inspected(WRITEBACK, *lines).candidates}["fuse-writeback"]
        for lines in ((), ("inspect: mount fs=virtiofs target=/h device=0:51\n",))
    )
    assert [reason.text for reason in none.contradiction] == ["No FUSE file system is mounted there."]
    assert not guest.contradiction


def test_where_the_holder_is_proved_nobody_is_told_to_look_for_it() -> None:
    text = "".join([OWNED, SLOW.format("waiting=1 ")])
    proved, open_ = inspected(WRITEBACK, text), inspected(WRITEBACK, SLOW.format("waiting=1 "))
    assert proved.candidates[0].is_proved and not open_.candidates[0].is_proved
    assert not any(what.startswith("Whose") for what in proved.verdict.unknown)
    assert any(what.startswith("Whose") for what in open_.verdict.unknown)


def test_what_to_do_now_knows_whether_the_holder_is_proved() -> None:
    proved = inspected(WRITEBACK, OWNED, SLOW.format("waiting=1 "))
    assert "proved" in now_for(proved) and "look for" not in now_for(proved)
    assert "look for the holder" in now_for(inspected(WRITEBACK, SLOW.format("waiting=1 ")))


@pytest.mark.parametrize(
    ("counted", "rule", "words", "is_sure"),
    [
        ("reserved=0 slab=0 table=0 offline=0", "", "", False),
        ("reserved=3 slab=1 table=0 offline=0", "kernel-pages-in-block", "never movable: 3 reserved, 1 slab.", True),
        ("reserved=0 slab=0 table=2 offline=0", "kernel-pages-in-block", "never movable: 2 table.", True),
        ("reserved=0 slab=0 table=0 offline=5", "offline-pages-in-block", "holds 5 pages that a balloon", False),
        ("reserved=1 slab=0 table=0 offline=5", "kernel-pages-in-block", "1 reserved, 5 offline.", True),
    ],
)
def test_memory_of_the_kernels_is_a_look_alike_and_what_a_balloon_took_proves_nothing(
    counted: str, rule: str, words: str, is_sure: bool
) -> None:
    line = f"inspect: suspects block=memory32 writeback=0 locked=0 unmapped_anon=0 {counted} poisoned=0 huge=0\n"
    found = [one for one in diagnose(line, signatures()).findings if one.verdict.rule.endswith("-pages-in-block")]
    assert [one.verdict.rule for one in found] == ([rule] if rule else [])
    for one in found:
        assert words in one.verdict.sentence
        assert (one.verdict.proved, one.verdict.is_look_alike) == (is_sure, is_sure)
        proved = {candidate.case for candidate in one.candidates if candidate.is_proved}
        assert proved == ({"kernel-unmovable-in-range"} if is_sure else set())
        took = "balloon-pageoffline" in {candidate.case for candidate in one.candidates}
        assert took is ("offline=5" in counted)


def test_a_block_on_its_way_out_is_told_and_proves_nothing() -> None:
    line = "inspect: block name=memory32 state={} zones=Movable first_pfn=0x100000 nr_pages=32768\n"
    (found,) = diagnose(line.format("going-offline"), signatures()).findings
    assert (found.verdict.rule, found.verdict.proved, found.verdict.mechanism) == ("offline-under-way", False, "")
    assert "memory32 is being taken offline" in found.verdict.sentence and not found.candidates
    assert not diagnose(line.format("online"), signatures()).findings
