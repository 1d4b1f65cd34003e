"""What other parts of a log complain of: servers that do not answer, and mappings that cannot be migrated."""

from __future__ import annotations

import re
from typing import List, Pattern, Tuple

from diagnosis.text.lines import Line
from diagnosis.text.record import Record, Value

# File system as in /proc/mounts, and how it complains (net/sunrpc, net/ceph, fs/smb, net/9p, drivers/block).
_SERVERS: Tuple[Tuple[str, Pattern[str]], ...] = (
    ("nfs", re.compile(r"nfs: server \S{1,120} not responding")),
    (
        "ceph",
        re.compile(
            r"libceph: (?:mon|osd|mds)\d{1,6} .{1,120}?(?:socket closed|session lost|down|timed out|connect error)"
        ),
    ),
    ("cifs", re.compile(r"CIFS: .{0,120}?(?:has not responded|server not responding|timed out)")),
    ("9p", re.compile(r"9p(?:net)?(?:_\w{1,20})?: .{0,120}?(?:not responding|timed out|disconnected|aborted)")),
    (
        "block",
        re.compile(
            r"(?:block )?(?:nbd\d{1,4}|ublk\w{1,12}): .{0,120}?(?:timed out|Connection timed out|not responding)"
        ),
    ),
)
_NO_OP = re.compile(r"\b(\w{1,64}) does not implement migrate_folio")
# drivers/virtio/virtio_mem.c: whose ranges are not those of a CMA area.
_VIRTIO_MEM = re.compile(r"virtio_mem virtio\d{1,4}: \S.{0,80}")


class Reader:
    def __init__(self) -> None:
        self._records: List[Record] = []

    def take(self, line: Line) -> bool:
        if found := _NO_OP.search(line.text):
            self._records.append(Record("no_migrate_folio", (line.value("aops", found, 1),)))
            return True
        if found := _VIRTIO_MEM.match(line.text):
            self._records.append(Record("virtio_mem", (line.value("said", found),)))
            return True
        for filesystem, regex in _SERVERS:
            if complaint := regex.search(line.text):
                said = line.value("said", complaint)
                self._records.append(Record("server_gone", (said, Value("filesystem", filesystem, said.place))))
                return True
        return False

    def finish(self) -> List[Record]:
        return self._records
