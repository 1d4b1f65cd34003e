"""Inode table blocks of ext4 that are being written to a device that does not answer: their buffers are locked.

Without a journal, fsync(2) of a file writes the block of its inode at once: with the buffer locked until the device has
answered, and with neither the folio locked nor PG_writeback set (fs/ext4/inode.c, ext4_write_inode; fs/buffer.c,
__sync_dirty_buffer). Migration locks every buffer of a folio before it moves it, and waits for that in all modes but
MIGRATE_ASYNC (mm/migrate.c, buffer_migrate_lock_buffers; MIGRATE_SYNC_LIGHT since 6.5: where the buffer is uptodate).

The device is a network block device over a pair of sockets, with a server of our own: no network and no port.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Dict, List, Optional

from probes.cases.bh_refs_blockdev import EXT4_OPTIONS, EXT4_SIZE_BYTES, BhRefsBlockdev
from probes.errors import Disturbed
from probes.kernel import pages, syscalls
from probes.kernel.counters import vmstat
from probes.movers.usual import Mover
from probes.run.experiment import Case
from probes.run.scratch import Format, Scratch
from probes.servers.fuse.hold import FuseHold
from probes.servers.nbd import hold, protocol

_EXT4 = Format(
    "ext4",
    "e2fsprogs",
    EXT4_SIZE_BYTES,
    (*EXT4_OPTIONS, "-O", "^resize_inode,^has_journal", "-E", "lazy_itable_init=0,nodiscard"),
    "inode_readahead_blks=0",
)
_WITHHELD_SECONDS = 10.0
_ANSWER_SECONDS = 5.0


class LockedBuffer(BhRefsBlockdev):
    nbd: FuseHold
    sleeps = True

    def scratch(self) -> Scratch:
        self.writers: List[threading.Thread] = []
        return Scratch(_EXT4, self._serve)

    def _serve(self, backing: int) -> int:
        self.nbd, path = hold.begin(backing, self.surroundings.hold_seconds, self.surroundings.cpus)
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def hold(self, mover: Mover) -> Dict[str, Any]:
        self.nbd.withhold(protocol.WRITE)
        for address in self.target:
            name = self.files[address]
            self.writers.append(threading.Thread(target=self._change, args=(self.folder, name), daemon=True))
            self.writers[-1].start()
        withheld = self.nbd.wait_withheld(_WITHHELD_SECONDS, len(self.target))
        if withheld < len(self.target):
            raise Disturbed("the writes of only %d of %d blocks were withheld" % (withheld, len(self.target)))
        self._drain_batches()
        frames = [frame for frame in self.frames() if frame is not None]
        written = 1 << pages.FLAGS["WRITEBACK"]
        return {
            "filesystem": "ext4",
            "nr_blocks_withheld": withheld,
            "nr_pages_under_writeback": sum(1 for bits in pages.flag_bits(frames) if bits & written),
            "nr_writeback": vmstat().get("nr_writeback", 0),
            "held_folio_flags": " ".join(pages.flag_names(frames[-1])) if frames else "not mapped",
        }

    def _drain_batches(self) -> None:
        """A folio whose buffer is used again is activated, and a batch of this CPU has a reference to it for as long as
        it is not full: 31 folios in 6.12, where all 16 refused for that, before their buffers were looked at.
        move_pages(2) has all CPUs drain their batches first (mm/migrate.c, do_pages_move), wherever the page lies."""
        syscalls.move_pages(0, self.control[:1], syscalls.nodes_of(self.control[:1])[0])

    @staticmethod
    def _change(folder: int, name: str) -> None:
        """In a thread: fsync(2) sleeps until the device answers."""
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fchmod(fd, 0o640)
            os.fsync(fd)
        finally:
            os.close(fd)

    def frames(self) -> List[Optional[int]]:
        """Not touched: a page that is being migrated is not mapped, and who touches it waits for the mover."""
        return pages.frames_of(self.target)

    def control_frames(self) -> List[Optional[int]]:
        return pages.frames_of(self.control)

    def check(self) -> None:
        self.nbd.check()

    def release(self) -> None:
        self.nbd.release()
        self._wait_for_writers()
        self.clean()

    def moved_after_release(self, before: List[Optional[int]]) -> int:
        for address in self.target:
            syscalls.touch(address, 1)
        return pages.moved(before, self.frames())

    def close(self) -> None:
        if hasattr(self, "nbd"):
            self.nbd.close()  # the device's end wakes who waits for it
        self._wait_for_writers()
        super().close()

    def _wait_for_writers(self) -> None:
        for writer in self.writers:
            writer.join(_ANSWER_SECONDS)
            if writer.is_alive():
                raise Disturbed("an fsync did not end within %g s" % _ANSWER_SECONDS)
        self.writers = []


CASE = Case(
    slug="locked-buffer",
    title="Metadata buffer locked while its device does not answer",
    hold_class="buffer lock",
    needs_root="to see page frame numbers, to set up a block device and to mount privately",
    devices=(),
    movers=("move_pages", "compaction"),
    will_do="make an ext4 without a journal in memory (48 MiB), mount it privately from a network block device with a "
    "server of its own, fsync a file in each of 16 blocks of its inode table, withhold the answer to the writes, and "
    "have the blocks migrated meanwhile",
    side_effects="whoever migrates or compacts memory meanwhile may sleep in D until the release; sync(2) may wait too",
    cleans_up="answers, then ends the server, and with it the device; a watcher and the server's own clock do it where "
    "the probe cannot. The mount and the memory end with the process",
    experiment=LockedBuffer,
    filesystem="ext4",
    modules="crc32c_generic ext4 nbd",
    why_privileged="a block device is set up and mounted, which takes root; to fsync a file of one's own does not",
)
