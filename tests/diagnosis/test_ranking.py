"""A candidate stands above another by something in the text, and by nothing else; bystanders have names and servers."""

from __future__ import annotations

import pytest

from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.rules.verdict import Finding
from diagnosis.words.plain import shown

DUMP = """Linux version 7.3.4 (b@c) (gcc 14) #1 SMP
migrating pfn 1100fd failed ret:1
page: refcount:3 mapcount:1 mapping:0000000000000000 index:0x7f8fb7e11 pfn:0x1100fd
anon flags: 0x5fffffc002091c(referenced|uptodate|dirty|active|owner_2|swapbacked|node=1|zone=3|lastcpupid=0x1fffff)
page dumped because: migration failure
"""
ASLEEP = "task:dd              state:{}         stack:0     pid:812   ppid:790    flags:0x00000002\nCall Trace:\n {}\n"
NFS = " schedule+0x27/0xd0\n nfs_file_direct_read+0x1c1/0x300 [nfs]\n nfs_file_read+0x1/0x2 [nfs]\n vfs_read+0x1/0x2"
GONE = "nfs: server nas1 not responding, still trying\n"
LOCK = ASLEEP.format(
    "D", "schedule+0x1/0x2\n folio_wait_bit_common+0x1/0x2\n migrate_pages_batch+0x1/0x2\n kcompactd+0x1/0x2"
)
XFS = ASLEEP.format("D", "schedule+0x1/0x2\n xlog_cil_force_seq+0x1/0x2 [xfs]\n xfs_log_worker+0x1/0x2 [xfs]").replace(
    "812", "9"
)


def first(text: str) -> Finding:
    return diagnose(text, signatures()).findings[0]


def test_direct_io_on_a_server_that_is_silent_stands_first() -> None:
    finding = first(DUMP + ASLEEP.format("D", NFS) + GONE)
    top = finding.candidates[0]
    assert (finding.verdict.mechanism, top.case, top.rank) == ("extra_reference", "odirect-slow-io", 1)
    assert "NFS" in top.support[0].text and "complains of a server" in top.support[1].text
    assert not top.contradiction


@pytest.mark.parametrize("frame", ["ceph_direct_read_write", "p9_virtio_zc_request", "vhost_scsi_handle_vq"])
def test_so_does_that_of_ceph_9p_and_vhost(frame: str) -> None:
    task = ASLEEP.format("D", f"schedule+0x1/0x2\n {frame}+0x1/0x2")
    assert first(DUMP + task).candidates[0].case == "odirect-slow-io"


def test_a_task_that_runs_there_is_no_sign_of_a_device_that_is_silent() -> None:
    running = ASLEEP.format("R", NFS.strip())
    assert first(DUMP + running).candidates[0].case != "odirect-slow-io"


def test_whom_nothing_in_the_text_tells_apart_has_the_same_rank() -> None:
    finding = first(LOCK)
    assert {one.rank for one in finding.candidates} == {1}
    assert "nothing in the text puts any above the other" in shown(diagnose(LOCK, signatures()))
    assert "nothing in the text" not in shown(
        diagnose(LOCK + XFS, (one for one in signatures() if "block" in one.case))
    )


def test_an_xfs_worker_asleep_puts_the_local_disk_first() -> None:
    ranks = {one.case: one.rank for one in first(LOCK + XFS).candidates}
    assert ranks["userspace-block-device"] == 1 and set(ranks.values()) == {1, 2}


FLUSH = """INFO: task kworker/u16:2:311 blocked for more than 120 seconds.
task:kworker/u16:2   state:D stack:0     pid:311   ppid:2      flags:0x00004000
Workqueue: writeback wb_workfn (flush-0:46)
Call Trace:
 schedule+0x27/0xd0
 io_schedule+0x46/0x70
 folio_wait_bit_common+0x131/0x340
 write_cache_pages+0x1/0x2
 fuse_writepages+0x1/0x2 [fuse]
 do_writepages+0x1/0x2
 wb_writeback+0x1/0x2
"""
SERVED = 'inspect: fuse connection=46 waiting=1 mount="/mnt" daemons=899 comm="sshfs" uid=1000\n'
WRITER = """task:cp              state:D stack:0     pid:400   ppid:2      flags:0x00004000
Call Trace:
 schedule+0x27/0xd0
 request_wait_answer+0x131/0x340 [fuse]
 fuse_perform_write+0x1/0x2 [fuse]
"""


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        (FLUSH, "bystander-server", "until a folio of a file system of FUSE is unlocked or written (flush-0:46)"),
        (FLUSH + SERVED, "bystander-server", "mounted at /mnt, served by sshfs (pid 899"),
        (FLUSH.replace("0:46", "0:47") + SERVED, "bystander-server", "unlocked or written (flush-0:47)"),
        (WRITER, "bystander-server", "cp (pid 400) sleeps until the server of a file system of FUSE answers."),
        (WRITER.replace("request_wait_answer", "balance_dirty_pages").replace("fuse_perform", "generic_perform"),
         "bystander-dirty", "until less data is dirty"),
        (FLUSH.replace("fuse_writepages", "nfs_writepages"), "bystander-server", "file system of NFS"),
    ],
)  # fmt: skip
def test_who_waits_for_a_server_and_moves_nothing_is_named_with_whose(text: str, rule: str, words: str) -> None:
    finding = next(one for one in diagnose(text, signatures()).findings if one.verdict.rule.startswith("bystander"))
    assert (finding.verdict.rule, finding.verdict.mechanism, finding.verdict.heading) == (rule, "", "A bystander")
    assert words in finding.verdict.sentence


def test_a_writer_that_runs_waits_for_nobody() -> None:
    found = diagnose(WRITER.replace("state:D", "state:R"), signatures())
    assert not [one for one in found.findings if one.verdict.rule.startswith("bystander")]
