"""Huge pages of the machine's default size, taken beside the pool, so that the pool stays as it is.

What lets a user have them is vm.nr_overcommit_hugepages, a setting of the whole machine. It is raised only while
pages are being taken, by a process of its own, which puts it back when it is told to, when the probe ends, however
that ends, and when its time is over. The pages themselves are given back by whoever unmaps them, or by an exit.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
from typing import Iterator, List

from probes.children.processes import Lines, start
from probes.errors import CannotRun, Disturbed
from probes.kernel import syscalls

SETTING = "/proc/sys/vm/nr_overcommit_hugepages"
_WORD_SECONDS = 5.0
_MOST_SECONDS = 60.0


def size_bytes() -> int:
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        found = re.search(r"Hugepagesize:\s+(\d+) kB", meminfo.read())
    if not found:
        raise CannotRun("this kernel has no huge pages (CONFIG_HUGETLB_PAGE)")
    return int(found[1]) << 10


def allowance() -> int:
    try:
        with open(SETTING, encoding="ascii") as setting:
            return int(setting.read())
    except OSError as error:
        raise CannotRun("vm.nr_overcommit_hugepages: %s" % error.strerror) from None


@contextlib.contextmanager
def allowed(nr_pages: int) -> Iterator[None]:
    """Inside, so many huge pages more may be taken than the pool has."""
    before = allowance()
    mine, its = (end.detach() for end in socket.socketpair())
    keeper = start("unmig-huge", lambda: _keep(its, before, before + nr_pages), [its])
    os.close(its)
    lines = Lines(mine)
    try:
        _expect(lines, "raised")
        yield
        lines.send({"back": True})
        _expect(lines, "back")
    finally:
        os.close(mine)  # it puts the setting back and ends, whatever came before
        keeper.wait(_WORD_SECONDS)
    if allowance() != before:
        raise Disturbed("vm.nr_overcommit_hugepages is %d, and was %d" % (allowance(), before))


def _expect(lines: Lines, word: str) -> None:
    end = time.monotonic() + _WORD_SECONDS
    while time.monotonic() < end and not lines.closed:
        if any(word in message for message in lines.receive(0.1)):
            return
    raise Disturbed("the setting of the huge pages could not be changed (%s)" % word)


def _keep(fd: int, before: int, raised: int) -> None:
    syscalls.die_with_parent(0)  # not before the setting is back
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    lines = Lines(fd)
    try:
        _set(raised)
        lines.send({"raised": True})
        end = time.monotonic() + _MOST_SECONDS
        while not lines.closed and time.monotonic() < end and not lines.receive(1.0):
            pass
    finally:
        _set(before)
    with contextlib.suppress(OSError):  # nobody is there to hear it
        lines.send({"back": True})


def _set(nr_pages: int) -> None:
    with open(SETTING, "w", encoding="ascii") as setting:
        setting.write(str(nr_pages))


class HugePages:
    """Huge pages of this process on one node, each in a mapping of its own. Needs `allowed`."""

    def __init__(self) -> None:
        self.page_bytes = 0
        self.addresses: List[int] = []

    def take(self, most: int, node: int) -> int:
        """Take up to so many from `node`; how many there are now. No more to be had is no error."""
        self.page_bytes = size_bytes()
        nothing = os.open("/dev/zero", os.O_RDONLY | os.O_CLOEXEC)
        try:
            while len(self.addresses) < most and self._take_one(nothing, node):
                pass
        finally:
            os.close(nothing)
        return len(self.addresses)

    def _take_one(self, nothing: int, node: int) -> bool:
        """Filled by the kernel, which says so where there is no page; a touch of our own would be SIGBUS."""
        nr_pages = self.page_bytes // syscalls.PAGE
        address = syscalls.map_huge(self.page_bytes)
        self.addresses.append(address)
        try:
            syscalls.bind_range(address, self.page_bytes, node)
            syscalls.read_into(nothing, [address])
        except OSError:
            syscalls.unmap_pages(address, nr_pages)
            self.addresses.pop()
            return False
        return True

    def give_back(self) -> None:
        for address in self.addresses:
            syscalls.unmap_pages(address, self.page_bytes // syscalls.PAGE)
        self.addresses = []
