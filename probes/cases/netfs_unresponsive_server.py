"""A network file system whose server has stopped answering: here 9P, with a server of our own.

Its reads wait without a time limit, so the folios of a readahead stay locked and not up to date
(fs/9p/vfs_addr.c, v9fs_issue_read; net/9p/client.c, p9_client_rpc). NFS and SMB hold folios in
the same way while their servers are silent, until mount options say that it is enough.

Mapped pages can be held too: dirty ones, written back by a request that is not answered, stay under writeback. Which of
them it is depends on the mover: move_pages(2) can name mapped pages only, and the others meet locked ones by frame.

The connection is a pair of sockets (`trans=fd`), so no network and no port is needed.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Dict, List, Optional

from probes.cases.readahead_locked import FILE_PAGES, SIZE, START, ReadaheadLocked
from probes.errors import Disturbed
from probes.kernel import pages, syscalls
from probes.kernel.syscalls import PAGE
from probes.movers.usual import MovePages, Mover
from probes.run.experiment import NR_PAGES, POOL_PAGES, STAGED_PAGES, Case, Experiment, Surroundings, span
from probes.servers.fuse.hold import FuseHold, close_file
from probes.servers.ninep import hold, protocol

_ANSWER_SECONDS = 5.0


class NetfsUnresponsiveServer(ReadaheadLocked):
    what = protocol.READ

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.reader: Optional[threading.Thread] = None

    def start(self) -> None:
        self.fuse = hold.begin(FILE_PAGES * PAGE, self.surroundings.hold_seconds, self.surroundings.cpus)

    def read_ahead(self) -> None:
        """In a thread: 9P's readahead waits for the answer, in the task that started it."""
        self._wait_for_reader()
        self.reader = threading.Thread(target=self._read_ahead, args=(self.fd,), daemon=True)
        self.reader.start()

    def _read_ahead(self, fd: int) -> None:
        os.posix_fadvise(fd, START, SIZE, os.POSIX_FADV_WILLNEED)

    def release(self) -> None:
        self.fuse.release()
        self._wait_for_reader()
        super().release()

    def close(self) -> None:
        if hasattr(self, "fuse"):
            self.fuse.close()  # ends the server, the connection, and with it the read
        self._wait_for_reader()
        self._unmap()

    def _wait_for_reader(self) -> None:
        if self.reader is not None:
            self.reader.join(_ANSWER_SECONDS)
            if self.reader.is_alive():
                raise Disturbed("the readahead did not end within %g s" % _ANSWER_SECONDS)
            self.reader = None


class NetfsWriteback(Experiment):
    """Dirty pages, and no answer to Twrite. 9P waits for it in the task that writes, so that is a thread.

    How many come under writeback at once is the kernel's business: one page where each is a request of its own (6.1),
    more where netfs puts neighbours into one (6.8 and later). The target is those that did.
    """

    fuse: FuseHold

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.fd, self.address = -1, 0
        self.writer: Optional[threading.Thread] = None

    def start(self) -> None:
        self.fuse = hold.begin(FILE_PAGES * PAGE, self.surroundings.hold_seconds, self.surroundings.cpus)

    def prepare(self, mover: Mover) -> None:
        """The first pages of the file are to be dirtied; the control are some of the others."""
        self._unmap()
        self.fd = self.fuse.open(os.O_RDWR)
        mover.stage(STAGED_PAGES)
        self.address = syscalls.map_pages(FILE_PAGES, fd=self.fd)
        syscalls.advise(self.address, FILE_PAGES, syscalls.MADV_RANDOM)
        syscalls.touch(self.address, FILE_PAGES)
        self.control = span(self.address + POOL_PAGES * PAGE, NR_PAGES)

    def hold(self, mover: Mover) -> Dict[str, Any]:
        first = span(self.address, NR_PAGES)
        for address in first:
            syscalls.fill(address, 1)
        syscalls.move_pages(0, self.control, syscalls.nodes_of(first[:1])[0])  # the baseline has moved it away
        self.fuse.withhold(protocol.WRITE)
        self.writer = threading.Thread(target=syscalls.write_range, args=(self.fd, 0, NR_PAGES * PAGE), daemon=True)
        self.writer.start()
        withheld = self.fuse.wait_withheld(2.0)
        written = 1 << pages.FLAGS["WRITEBACK"]
        self.target = [at for at in first if any(bits & written for bits in pages.flag_bits(_frame_at(at)))]
        if not withheld or not self.target:
            raise Disturbed("%d requests withheld, %d pages under writeback" % (withheld, len(self.target)))
        return {
            "filesystem": "9p",
            "nr_requests_withheld": withheld,
            "nr_pages_under_writeback": len(self.target),
            "held_folio_flags": " ".join(pages.flag_names(_frame_at(self.target[0])[0])),
        }

    def check(self) -> None:
        self.fuse.check()

    def release(self) -> None:
        self.fuse.release()
        self._wait_for_writer()

    def close(self) -> None:
        if hasattr(self, "fuse"):
            self.fuse.close()
        self._wait_for_writer()
        self._unmap()

    def _wait_for_writer(self) -> None:
        if self.writer is not None:
            self.writer.join(_ANSWER_SECONDS)
            if self.writer.is_alive():
                raise Disturbed("the writeback did not end within %g s" % _ANSWER_SECONDS)
            self.writer = None

    def _unmap(self) -> None:
        if self.fd >= 0:
            syscalls.unmap_pages(self.address, FILE_PAGES)
            close_file(self.fd)
            self.fd = -1


def _frame_at(address: int) -> List[int]:
    return [frame for frame in pages.frames_of([address]) if frame is not None]


def _experiment(surroundings: Surroundings) -> Experiment:
    return (NetfsWriteback if surroundings.mover == MovePages.name else NetfsUnresponsiveServer)(surroundings)


CASE = Case(
    slug="netfs-unresponsive-server",
    title="9P folio locked or under writeback while the server does not answer",
    hold_class="page lock",
    needs_root="to see page frame numbers and flags, and to mount privately",
    devices=(),
    movers=("move_pages", "compaction"),
    will_do="mount a 9P file of 80 pages from a server of its own in a private mount namespace, start a readahead of "
    "16 of them (with move_pages: write 16 back), withhold the answer, and have the pages migrated meanwhile",
    side_effects="whoever migrates or compacts memory meanwhile may sleep in D until the release",
    cleans_up="answers, then ends the server, and with it the connection; a watcher and the server's own clock do it "
    "where the probe cannot",
    experiment=_experiment,
    filesystem="9p",
    modules="9p 9pnet_fd",
    why_privileged="9P cannot be mounted in a user namespace",
)
