"""Inode table blocks of ext4, read as movable and then changed: the journal keeps their buffers.

ext4 reads an inode table block by sb_getblk(), which allocates the folio as movable. Once an inode in it is
changed, the running transaction has a journal_head on the buffer, and that a reference (fs/jbd2/journal.c,
jbd2_journal_add_journal_head), until the transaction is committed and the block is written back to its place.
Meanwhile migration says -EAGAIN (mm/migrate.c, buffer_migrate_folio_norefs). Who may write to a file decides
when it begins; `commit=` of the mount and the writeback of the device, how long it takes.

ext4 asks for movable memory, but not for ZONE_MOVABLE (no __GFP_HIGHMEM). A migration puts the folios there.

The control is blocks of the same table that nobody has changed: also page cache of the block device, with buffers.
The release is a checkpoint of the journal (EXT4_IOC_CHECKPOINT, Linux 5.14).
"""

from __future__ import annotations

import fcntl
import os
import struct
from typing import Any, Dict, List, Optional

from probes.errors import CannotRun, Disturbed
from probes.kernel import pages, syscalls
from probes.kernel.syscalls import PAGE
from probes.movers import bring_in
from probes.movers.balancing import NumaBalancing
from probes.movers.usual import Mover
from probes.run.experiment import POOL_PAGES, STAGED_PAGES, Case, Experiment, Surroundings, chosen, span
from probes.run.scratch import Format, Scratch

_BLKFLSBUF = 0x1261  # include/uapi/linux/fs.h
_EXT4_IOC_CHECKPOINT = 0x4004662B  # fs/ext4/ext4.h
_INODE_BYTES = 256
_INODES_A_BLOCK = PAGE // _INODE_BYTES
_NR_INODES = (POOL_PAGES + 2) * _INODES_A_BLOCK
# One block group, whose inode table is written by mkfs. No commit of its own accord while we look, and no
# readahead of the table: that is allocated as unmovable (fs/ext4/inode.c, ext4_sb_breadahead_unmovable).
EXT4_OPTIONS = ("-q", "-F", "-b", str(PAGE), "-I", str(_INODE_BYTES), "-N", str(_NR_INODES), "-m", "0")
EXT4_SIZE_BYTES = 48 << 20
_EXT4 = Format(
    "ext4",
    "e2fsprogs",
    EXT4_SIZE_BYTES,
    (
        *EXT4_OPTIONS,
        *("-O", "^resize_inode", "-J", "size=4", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"),
    ),
    "commit=300,inode_readahead_blks=0",
)


class BhRefsBlockdev(Experiment):
    sleeps = False  # does a mover fall asleep at the target?

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.ext4 = self.scratch()
        self.folder = -1
        self.address, self.nr_mapped = 0, 0
        self.files: Dict[int, str] = {}  # a file whose inode is in that block, by the address where that is mapped

    def scratch(self) -> Scratch:
        return Scratch(_EXT4)

    def start(self) -> None:
        if PAGE != 4096:
            raise CannotRun("it needs pages of 4 KiB, which are ext4's largest blocks")
        self.ext4.make()
        self.ext4.mount_again()
        for number in range(POOL_PAGES * _INODES_A_BLOCK):
            os.close(os.open(self._path(number), os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))

    def _path(self, number: int) -> str:
        return os.path.join(self.ext4.mountpoint, str(number))

    def prepare(self, mover: Mover) -> None:
        self._forget()
        self.ext4.unmount()
        fcntl.ioctl(self.ext4.device, _BLKFLSBUF)  # the table's blocks have to be read anew
        self.ext4.mount_again()
        self.folder = os.open(self.ext4.mountpoint, os.O_RDONLY | os.O_CLOEXEC)
        by_block = one_in_each(table_block(self.ext4.device), _inodes_in(self.folder))
        mover.stage(STAGED_PAGES)
        for name in by_block.values():
            os.stat(name, dir_fd=self.folder)  # reads the block, and allocates its folio
        self._map(by_block)
        self.control, self.target = chosen(list(self.files), self.sleeps)
        bring_in.for_mover(mover, self.control + self.target)

    def _map(self, by_block: Dict[int, str]) -> None:
        """Mapped to see the frames; what is cached gets mapped, nothing is read."""
        low, nr_pages = min(by_block), max(by_block) - min(by_block) + 1
        # NUMA balancing passes by a file that is mapped to be read only (kernel/sched/fair.c, task_numa_work).
        write = syscalls.PROT_WRITE if self.surroundings.mover == NumaBalancing.name else 0
        self.address = syscalls.map_pages(nr_pages, syscalls.PROT_READ | write, self.ext4.device, low * PAGE)
        self.nr_mapped = nr_pages
        syscalls.advise(self.address, nr_pages, syscalls.MADV_RANDOM)
        addresses = span(self.address, nr_pages)
        self.files = {addresses[block - low]: name for block, name in by_block.items()}
        for address in self.files:
            syscalls.touch(address, 1)

    def hold(self, mover: Mover) -> Dict[str, Any]:
        for address in self.target:
            os.chmod(self.files[address], 0o640, dir_fd=self.folder)
        frames = [frame for frame in self.frames() if frame is not None]
        if len(frames) != len(self.target):
            raise Disturbed("only %d of %d blocks are in the page cache" % (len(frames), len(self.target)))
        return {
            "filesystem": "ext4",
            "nr_inodes_changed": len(self.target),
            "held_folio_flags": " ".join(pages.flag_names(frames[-1])),
        }

    def frames(self) -> List[Optional[int]]:
        return _mapped_frames(self.target)

    def control_frames(self) -> List[Optional[int]]:
        return _mapped_frames(self.control)

    def release(self) -> None:
        """Commit, and write every block of the journal back to its place: the references go."""
        fcntl.ioctl(self.folder, _EXT4_IOC_CHECKPOINT, struct.pack("<I", 0))
        self.clean()

    def clean(self) -> None:
        """NUMA balancing leaves a folio of a file that is dirty, held or not, and it stays so when its buffer alone was
        written (7.3.4: 0 of 16 moved after the release)."""
        if self.surroundings.mover == NumaBalancing.name:
            os.fsync(self.ext4.device)

    def close(self) -> None:
        self._forget()
        self.ext4.close()

    def _forget(self) -> None:
        if self.address:
            syscalls.unmap_pages(self.address, self.nr_mapped)
            self.address = 0
        if self.folder >= 0:
            os.close(self.folder)
            self.folder = -1


def _mapped_frames(addresses: List[int]) -> List[Optional[int]]:
    """Touched first: what was on its way when it was looked at is not mapped."""
    for address in addresses:
        syscalls.touch(address, 1)
    return pages.frames_of(addresses)


def table_block(device: int) -> int:
    """The first block of the inode table of the only group (bg_inode_table_lo; the descriptors are in block 1)."""
    (number,) = struct.unpack("<I", os.pread(device, 4, PAGE + 8))
    return int(number)


def _inodes_in(folder: int) -> Dict[str, int]:
    """The inode number of each of our files, from the folder alone: no inode is read for it."""
    with os.scandir(folder) as entries:
        return {entry.name: entry.inode() for entry in entries if entry.name.isdigit()}


def one_in_each(first_block: int, inodes: Dict[str, int]) -> Dict[int, str]:
    """A file for each block of the table; lowest block first."""
    found: Dict[int, str] = {}
    for name, inode in sorted(inodes.items(), key=lambda pair: pair[1]):
        if inode > _INODES_A_BLOCK:  # the first block is the file system's own
            found.setdefault(first_block + (inode - 1) // _INODES_A_BLOCK, name)
    return found


CASE = Case(
    slug="bh-refs-blockdev",
    title="Block of a file system's metadata, kept by the journal",
    hold_class="reference",
    needs_root="to see page frame numbers, to set up a loop device and to mount privately",
    devices=(),
    movers=("move_pages", "compaction"),
    will_do="make an ext4 in memory (48 MiB), mount it privately over a loop device, change one inode in each of 16 "
    "blocks of its inode table, and have the blocks migrated before the journal lets go of them",
    side_effects="none for others, but that memory is compacted",
    cleans_up="checkpoints the journal and unmounts; mount, loop device and memory end with the process",
    experiment=BhRefsBlockdev,
    filesystem="ext4",
    modules="ext4",
    why_privileged="ext4 is mounted from a loop device, which takes root; to change a file of one's own does not",
)
