"""Page-cache folios that sendfile(2) put into a socket whose peer does not read: the socket buffer's frags.

A socket buffer refers to the folio itself, until the peer has read it. With AF_UNIX (net/unix/af_unix.c,
unix_stream_sendmsg with MSG_SPLICE_PAGES; unix_stream_sendpage up to 6.4) nothing bounds that.
"""

from __future__ import annotations

import os
import socket
from typing import Any, Dict, List

from probes.errors import Disturbed
from probes.kernel.syscalls import PAGE
from probes.movers.usual import Mover
from probes.run.experiment import NR_PAGES, Case, Surroundings
from probes.run.pool import SharedPool


class SkbFragsSendfile(SharedPool):
    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.sockets: List[socket.socket] = []

    def hold(self, mover: Mover) -> Dict[str, Any]:
        self.sockets = list(socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM))
        sender = self.sockets[0]
        sender.setblocking(False)
        got = sum(os.sendfile(sender.fileno(), self.fd, self.offset_of(address), PAGE) for address in self.target)
        if got != NR_PAGES * PAGE:
            raise Disturbed("only %d of %d bytes found room in the socket" % (got, NR_PAGES * PAGE))
        return {"queued_bytes": got, "socket": "AF_UNIX SOCK_STREAM", **self.shown()}

    def release(self) -> None:
        peer, left = self.sockets[1], NR_PAGES * PAGE
        peer.setblocking(False)
        while left > 0:
            left -= len(peer.recv(left))

    def close(self) -> None:
        for end in self.sockets:
            end.close()
        super().close()


CASE = Case(
    slug="skb-frags-sendfile",
    title="sendfile(2) of page cache to a socket whose peer does not read",
    hold_class="reference",
    needs_root="to see page frame numbers and to start compaction; the hold itself needs no privilege",
    devices=(),
    movers=("move_pages", "compaction", "khugepaged"),
    will_do="send 16 pages of a memfd of its own into a pair of AF_UNIX sockets, and have them migrated before they "
    "are read",
    side_effects="none for others, but that memory is compacted",
    cleans_up="reads what was sent and closes sockets and memfd; all end with the process",
    experiment=SkbFragsSendfile,
)
