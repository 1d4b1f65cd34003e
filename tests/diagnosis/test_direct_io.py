"""Direct I/O of NFS takes plain references to this day: one speaks for it, beside a task that is inside of it."""

from __future__ import annotations

from diagnosis.diagnose import diagnose
from diagnosis.matching import known

DUMP = """\
migrating pfn 1100fd failed ret:1
page: refcount:3 mapcount:1 mapping:ffff0000deadbeef index:0x7f8fb7e11 pfn:0x1100fd
anon flags: 0x5fffffc002091c(referenced|uptodate|dirty|active|owner_2|swapbacked|node=1|zone=3|lastcpupid=0x1fffff)
page dumped because: migration failure
"""
KERNEL = "Linux version 7.3.4+deb13-amd64 (builder@example.org)\n"
TASK = """\
nfs: server filer not responding, still trying
INFO: task dd:4242 blocked for more than 122 seconds.
task:dd              state:D stack:0     pid:4242  tgid:4242  ppid:1      flags:0x00000002
Call Trace:
 <TASK>
 schedule+0x27/0xf0
 nfs_direct_wait+0x5c/0xa0
 nfs_file_direct_read+0x1f1/0x2c0
 vfs_read+0x25d/0x450
 </TASK>
"""


def test_a_plain_reference_and_a_task_in_nfs_direct_io_name_direct_io_first() -> None:
    (extra,) = [one for one in diagnose(KERNEL + TASK + DUMP, known.signatures()).findings if one.candidates][:1]
    first = extra.candidates[0]
    assert (first.case, first.contradiction) == ("odirect-slow-io", ())
    assert any(11 in reason.lines or 9 in reason.lines for reason in first.support)


def test_without_the_task_nothing_speaks_for_it_nor_against() -> None:
    (extra,) = [one for one in diagnose(KERNEL + DUMP, known.signatures()).findings if one.candidates][:1]
    (direct,) = [one for one in extra.candidates if one.case == "odirect-slow-io"]
    assert (direct.support, direct.contradiction) == ((), ())
