"""The system calls that the standard library lacks, through ctypes. Each raises OSError where it fails."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
from typing import List, Optional, Sequence

from probes.errors import CannotRun

PAGE = mmap.PAGESIZE

PROT_READ, PROT_WRITE = 1, 2
MAP_SHARED, MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS = 1, 2, 0x10, 0x20
MAP_NORESERVE, MAP_HUGETLB = 0x4000, 0x40000
MADV_RANDOM, MADV_DONTNEED, MADV_DONTFORK, MADV_HUGEPAGE, MADV_NOHUGEPAGE = 1, 4, 10, 14, 15
MADV_COLD, MADV_PAGEOUT = 20, 21
MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH, CLONE_NEWNS, CLONE_NEWUSER = 0x1000, 0x4000, 0x40000, 2, 0x20000, 0x10000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME = 1, 4, 15
SYNC_FILE_RANGE_WRITE = 2
SPLICE_F_NONBLOCK = 2
MPOL_DEFAULT, MPOL_BIND = 0, 2
MPOL_MF_MOVE, MPOL_F_NUMA_BALANCING = 2, 0x2000

# glibc has no wrapper for these (arch/*/entry/syscalls/*.tbl and include/uapi/asm-generic/unistd.h). From 424 on
# a number is the same everywhere.
_NEW = {
    "io_uring_setup": 425, "io_uring_register": 427, "pidfd_open": 434, "process_madvise": 440, "memfd_secret": 447,
}  # fmt: skip
_GENERIC = {
    "move_pages": 239, "set_mempolicy": 237, "mbind": 235, "userfaultfd": 282,
    "io_setup": 0, "io_destroy": 1, "io_submit": 2, "io_getevents": 4, **_NEW,
}  # fmt: skip
_NUMBERS = {
    "x86_64": {
        "move_pages": 279, "set_mempolicy": 238, "mbind": 237, "userfaultfd": 323,
        "io_setup": 206, "io_destroy": 207, "io_getevents": 208, "io_submit": 209, **_NEW,
    },
    "aarch64": _GENERIC,
    "riscv64": _GENERIC,
}  # fmt: skip

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
_libc.umount2.argtypes = [ctypes.c_char_p, ctypes.c_int]
_libc.syscall.restype = ctypes.c_long
_FAILED = (-1, ctypes.c_void_p(-1).value)


def _checked(result: Optional[int], name: str) -> int:
    if result is None or result in _FAILED:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (name, os.strerror(number)))
    return result


def map_pages(nr_pages: int, prot: int = PROT_READ | PROT_WRITE, fd: int = -1, offset_bytes: int = 0) -> int:
    """The address of a new mapping: private and anonymous, or shared with the file `fd`.

    Never inherited by a child: the exit of a child that shares a FUSE mapping can wait for the very
    request that is being withheld.
    """
    flags = MAP_SHARED if fd >= 0 else MAP_PRIVATE | MAP_ANONYMOUS
    address = _checked(_libc.mmap(None, nr_pages * PAGE, prot, flags, fd, offset_bytes), "mmap")
    advise(address, nr_pages, MADV_DONTFORK)
    return address


def map_aligned(nr_pages: int, fd: int = -1, offset_bytes: int = 0) -> int:
    """A mapping as `map_pages` has it, aligned to its own size, so that a large folio is mapped as one."""
    size = nr_pages * PAGE
    flags = (MAP_SHARED if fd >= 0 else MAP_PRIVATE | MAP_ANONYMOUS) | MAP_FIXED
    room = _checked(_libc.mmap(None, 2 * size, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), "mmap")
    start = (room + size - 1) // size * size
    for address, length in ((room, start - room), (start + size, room + size - start)):
        if length:
            unmap_pages(address, length // PAGE)
    address = _checked(_libc.mmap(start, size, PROT_READ | PROT_WRITE, flags, fd, offset_bytes), "mmap")
    advise(address, nr_pages, MADV_DONTFORK)
    return address


def map_huge(size_bytes: int) -> int:
    """Room for one huge page of the default size, private and anonymous; not inherited, and not reserved."""
    flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE
    address = _checked(_libc.mmap(None, size_bytes, PROT_READ | PROT_WRITE, flags, -1, 0), "mmap of a huge page")
    advise(address, size_bytes // PAGE, MADV_DONTFORK)
    return address


def unmap_pages(address: int, nr_pages: int) -> None:
    _checked(_libc.munmap(address, nr_pages * PAGE), "munmap")


def advise(address: int, nr_pages: int, advice: int) -> None:
    _checked(_libc.madvise(address, nr_pages * PAGE, advice), "madvise")


def advise_other(pidfd: int, address: int, advice: int) -> None:
    """Advise the kernel of one page of another process: process_madvise(2)."""
    vector, one = _vector([address]), ctypes.c_ulong(1)
    _syscall("process_madvise", ctypes.c_int(pidfd), vector, one, ctypes.c_int(advice), ctypes.c_uint(0))


def pidfd_open(pid: int) -> int:
    return _syscall("pidfd_open", ctypes.c_int(pid), ctypes.c_uint(0))


def is_cached(address: int) -> bool:
    """Has this page of a mapping content in memory, mapped or not? mincore(2)."""
    found = ctypes.create_string_buffer(1)
    _checked(_libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(PAGE), found), "mincore")
    return bool(found.raw[0] & 1)


def fill(address: int, nr_pages: int, value: int = 1) -> None:
    """Write to every byte of the pages, so that each gets a frame."""
    ctypes.memset(address, value, nr_pages * PAGE)


def touch(address: int, nr_pages: int) -> None:
    """Read one byte of each page, so that each gets mapped. A file that cannot be read means SIGBUS."""
    for index in range(nr_pages):
        ctypes.string_at(address + index * PAGE, 1)


def write_range(fd: int, offset_bytes: int, size_bytes: int) -> None:
    """Start writing back the dirty pages of a range, and do not wait for it: sync_file_range(2)."""
    place, size = ctypes.c_int64(offset_bytes), ctypes.c_int64(size_bytes)
    flags = ctypes.c_uint(SYNC_FILE_RANGE_WRITE)
    _checked(_libc.sync_file_range(ctypes.c_int(fd), place, size, flags), "sync_file_range")


def vmsplice(fd: int, addresses: Sequence[int]) -> int:
    """Put a reference to each of these pages into a pipe, without waiting; the bytes that found room."""
    _libc.vmsplice.restype = ctypes.c_ssize_t
    got = _libc.vmsplice(
        ctypes.c_int(fd), _vector(addresses), ctypes.c_size_t(len(addresses)), ctypes.c_uint(SPLICE_F_NONBLOCK)
    )
    return _checked(got, "vmsplice")


def splice(fd: int, offset_bytes: int, pipe: int, size_bytes: int) -> int:
    """Put a reference to a piece of the file's page cache into a pipe, without waiting; the bytes that went in."""
    offset = ctypes.c_int64(offset_bytes)
    _libc.splice.restype = ctypes.c_ssize_t
    got = _libc.splice(
        ctypes.c_int(fd),
        ctypes.byref(offset),
        ctypes.c_int(pipe),
        None,
        ctypes.c_size_t(size_bytes),
        ctypes.c_uint(SPLICE_F_NONBLOCK),
    )
    return _checked(got, "splice")


def read_into(fd: int, addresses: Sequence[int]) -> int:
    """Read from the start of the file into these pages, in one request: preadv(2). The bytes that came."""
    _libc.preadv.restype = ctypes.c_ssize_t
    got = _libc.preadv(ctypes.c_int(fd), _vector(addresses), ctypes.c_int(len(addresses)), ctypes.c_int64(0))
    return _checked(got, "preadv")


def _vector(addresses: Sequence[int]) -> "ctypes.Array[ctypes.c_size_t]":
    """An array of struct iovec, a page each."""
    return (ctypes.c_size_t * (2 * len(addresses)))(*[part for address in addresses for part in (address, PAGE)])


def lock_pages(address: int, nr_pages: int) -> None:
    _checked(_libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(nr_pages * PAGE)), "mlock")


def unlock_pages(address: int, nr_pages: int) -> None:
    _checked(_libc.munlock(ctypes.c_void_p(address), ctypes.c_size_t(nr_pages * PAGE)), "munlock")


def memfd_secret() -> int:
    return _syscall("memfd_secret", ctypes.c_uint(os.O_CLOEXEC))


def io_uring_setup() -> int:
    """A ring of one entry, closed on exec; its descriptor."""
    return _syscall("io_uring_setup", ctypes.c_uint(1), ctypes.create_string_buffer(120))


def io_uring_register_buffers(ring: int, addresses: Sequence[int]) -> None:
    """Pin these pages with FOLL_LONGTERM, a buffer each."""
    vector, count = _vector(addresses), len(addresses)
    _syscall("io_uring_register", ctypes.c_int(ring), ctypes.c_uint(0), vector, ctypes.c_uint(count))


def io_uring_unregister_buffers(ring: int) -> None:
    _syscall("io_uring_register", ctypes.c_int(ring), ctypes.c_uint(1), None, ctypes.c_uint(0))


def io_setup(nr_events: int) -> int:
    """A context of Linux AIO: the address at which its ring is mapped."""
    context = ctypes.c_ulong(0)
    _syscall("io_setup", ctypes.c_uint(nr_events), ctypes.byref(context))
    return context.value


def io_destroy(context: int) -> None:
    _syscall("io_destroy", ctypes.c_ulong(context))


def io_submit(context: int, order: bytes) -> int:
    """Submit one struct iocb; how many were taken."""
    block = ctypes.create_string_buffer(order)
    orders = (ctypes.c_void_p * 1)(ctypes.addressof(block))
    return _syscall("io_submit", ctypes.c_ulong(context), ctypes.c_long(1), orders)


def io_getevents(context: int, address: int) -> int:
    """Fetch one event to `address` where there is one, and do not wait for it; how many there were."""
    no_time = (ctypes.c_long * 2)(0, 0)
    one, none = ctypes.c_long(1), ctypes.c_long(0)
    return _syscall("io_getevents", ctypes.c_ulong(context), none, one, ctypes.c_void_p(address), no_time)


def userfaultfd() -> int:
    return _syscall("userfaultfd", ctypes.c_int(os.O_CLOEXEC))


def move_pages(pid: int, addresses: Sequence[int], node: int) -> int:
    """move_pages(2) to `node`; its return value, which is no verdict: see diagnosis/matching/outcome.py."""
    count = len(addresses)
    nodes = (ctypes.c_int * count)(*[node] * count)
    return _move_pages(pid, addresses, nodes)[0]


def nodes_of(addresses: Sequence[int]) -> List[int]:
    """The memory node of each page of this process; negative errno where there is no page."""
    return _move_pages(0, addresses, None)[1]


def _move_pages(
    pid: int, addresses: Sequence[int], nodes: Optional["ctypes.Array[ctypes.c_int]"]
) -> "tuple[int, List[int]]":
    count = len(addresses)
    status = (ctypes.c_int * count)()
    result = _syscall(
        "move_pages",
        ctypes.c_int(pid),
        ctypes.c_ulong(count),
        (ctypes.c_void_p * count)(*addresses),
        nodes,
        status,
        ctypes.c_int(MPOL_MF_MOVE),
    )
    return result, list(status)


def bind_memory(node: Optional[int]) -> None:
    """New pages of this task come from `node` alone; from anywhere with None."""
    if node is None:
        _syscall("set_mempolicy", ctypes.c_int(MPOL_DEFAULT), None, ctypes.c_ulong(0))
        return
    mask = (ctypes.c_ulong * 16)()
    mask[node // 64] = 1 << (node % 64)
    _syscall("set_mempolicy", ctypes.c_int(MPOL_BIND), mask, ctypes.c_ulong(1024))


def bind_range(address: int, size_bytes: int, node: int, moves: bool = False) -> None:
    """New pages of this range come from `node` alone. `moves`: and those that are there go to it, mbind(2)."""
    _mbind(address, size_bytes, MPOL_BIND, [node], MPOL_MF_MOVE if moves else 0)


def balance_range(address: int, size_bytes: int, nodes: Sequence[int]) -> None:
    """Have NUMA balancing move the pages of this range between `nodes`; with none, the range has no policy."""
    _mbind(address, size_bytes, MPOL_BIND | MPOL_F_NUMA_BALANCING if nodes else MPOL_DEFAULT, nodes, 0)


def _mbind(address: int, size_bytes: int, mode: int, nodes: Sequence[int], flags: int) -> None:
    mask = (ctypes.c_ulong * 16)()
    for node in nodes:
        mask[node // 64] |= 1 << (node % 64)
    start, length, most = ctypes.c_void_p(address), ctypes.c_ulong(size_bytes), ctypes.c_ulong(1024 if nodes else 0)
    _syscall("mbind", start, length, ctypes.c_int(mode), mask if nodes else None, most, ctypes.c_uint(flags))


def _syscall(name: str, *arguments: object) -> int:
    numbers = _NUMBERS.get(platform.machine())
    if numbers is None:
        raise CannotRun("the number of %s is not known on %s" % (name, platform.machine()))
    return _checked(_libc.syscall(ctypes.c_long(numbers[name]), *arguments), name)


def private_mounts() -> None:
    """A mount namespace of this process's own, from which nothing propagates to the others."""
    _checked(_libc.unshare(ctypes.c_int(CLONE_NEWNS)), "unshare")
    _checked(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate")


def own_user_namespace() -> None:
    """As any user may where the machine allows it. Needs to be the process's only thread."""
    _checked(_libc.unshare(ctypes.c_int(CLONE_NEWUSER)), "unshare")


def be_dumpable() -> None:
    """Own /proc/self again, which a change of the uid has given to root."""
    _checked(_libc.prctl(ctypes.c_int(PR_SET_DUMPABLE), ctypes.c_ulong(1), 0, 0, 0), "prctl")


def mount(source: str, target: str, kind: str, options: str = "") -> None:
    data = options.encode() or None
    _checked(_libc.mount(source.encode(), target.encode(), kind.encode(), 0, data), "mount " + kind)


def mount_over(source: str, target: str) -> None:
    """Have `source` be seen at `target`: a bind mount."""
    _checked(_libc.mount(source.encode(), target.encode(), None, MS_BIND, None), "mount --bind")


def unmount(target: str) -> None:
    _checked(_libc.umount2(target.encode(), MNT_DETACH), "umount")


def swap_on(path: str) -> None:
    _checked(_libc.swapon(path.encode(), ctypes.c_int(0)), "swapon")


def swap_off(path: str) -> None:
    _checked(_libc.swapoff(path.encode()), "swapoff")


def die_with_parent(signal_number: int) -> None:
    """PR_SET_PDEATHSIG. The signal comes late: at exit_notify(), after the parent's files are closed."""
    _checked(_libc.prctl(ctypes.c_int(PR_SET_PDEATHSIG), ctypes.c_ulong(signal_number), 0, 0, 0), "prctl")


def name_process(name: str) -> None:
    """What `ps -o comm` and /proc/PID/comm show; up to 15 bytes."""
    _checked(_libc.prctl(ctypes.c_int(PR_SET_NAME), ctypes.c_char_p(name.encode()[:15]), 0, 0, 0), "prctl")
