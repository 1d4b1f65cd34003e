"""A network file system whose server has stopped answering: here 9P, with a server of our own.

Its reads wait without a time limit, so the folios of a readahead stay locked and not up to date
(fs/9p/vfs_addr.c, v9fs_issue_read; net/9p/client.c, p9_client_rpc). NFS and SMB hold folios in
the same way while their servers are silent, until mount options say that it is enough.

The connection is a pair of sockets (`trans=fd`), so no network and no port is needed.
"""

from __future__ import annotations

import os
import threading
from typing import Optional

from probes.cases.readahead_locked import FILE_PAGES, SIZE, START, ReadaheadLocked
from probes.errors import Disturbed
from probes.experiment import Case, Surroundings
from probes.kernel import PAGE
from probes.ninep import hold, protocol

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


CASE = Case(
    slug="netfs-unresponsive-server",
    title="9P folio locked while the server does not answer",
    hold_class="page lock",
    needs_root="to see page frame numbers and flags, and to mount privately",
    devices=(),
    movers=("compaction",),
    will_do="mount a 9P file of 80 pages from a server of its own in a private mount namespace, start a readahead of "
    "16 of them, withhold the answer to Tread, and have memory compacted meanwhile",
    side_effects="whoever migrates or compacts memory meanwhile may sleep in D until the release",
    cleans_up="answers, then ends the server, and with it the connection; a watcher and the server's own clock do it "
    "where the probe cannot",
    experiment=NetfsUnresponsiveServer,
    why_privileged="9P cannot be mounted in a user namespace",
)
