"""Where most cases take their pages from: a pool of single pages, of which the lowest become control and target."""

from __future__ import annotations

import os
from typing import Any, Dict

from probes.kernel import pages, syscalls
from probes.kernel.syscalls import PAGE
from probes.movers.usual import Mover
from probes.run.experiment import NR_PAGES, POOL_PAGES, STAGED_PAGES, Experiment, Surroundings, chosen, span


class AnonymousPool(Experiment):
    """Private anonymous pages of this process."""

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.address = 0
        self.nr_pages = POOL_PAGES

    def prepare(self, mover: Mover) -> None:
        self.forget()
        mover.stage(STAGED_PAGES)
        if mover.range_pages:
            self.allocate_apart(mover.range_pages)
            return
        self.allocate()
        self.control, self.target = chosen(span(self.address, POOL_PAGES))

    def allocate(self) -> None:
        self.nr_pages = POOL_PAGES
        self.address = syscalls.map_pages(POOL_PAGES, fd=self.opened())
        syscalls.advise(self.address, POOL_PAGES, syscalls.MADV_NOHUGEPAGE)
        syscalls.fill(self.address, POOL_PAGES)

    def allocate_apart(self, range_pages: int) -> None:
        """The control at the start of one aligned range, the target at the start of the next."""
        self.nr_pages = 2 * range_pages
        self.address = syscalls.map_aligned(self.nr_pages, self.opened())
        syscalls.advise(self.address, self.nr_pages, syscalls.MADV_NOHUGEPAGE)
        self.control, self.target = (span(self.address + nr * range_pages * PAGE, NR_PAGES) for nr in (0, 1))
        for pages_of_one in (self.control, self.target):
            syscalls.fill(pages_of_one[0], NR_PAGES)

    def opened(self) -> int:
        """The file behind the pages, large enough for `nr_pages`; -1 where they are anonymous."""
        return -1

    def forget(self) -> None:
        """Free the pages of an earlier try, before memory is staged anew."""
        if self.address:
            syscalls.unmap_pages(self.address, self.nr_pages)
            self.address = 0

    def shown(self) -> Dict[str, Any]:
        """The flags of one held folio, for the report."""
        frames = [frame for frame in self.frames() if frame is not None]
        return {"held_folio_flags": " ".join(pages.flag_names(frames[-1])) if frames else "not mapped"}


class SharedPool(AnonymousPool):
    """Pages of a memfd, which are page cache: a file that has no name and ends with the process."""

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.fd = -1

    def opened(self) -> int:
        self.fd = os.memfd_create("unmigratable", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, self.nr_pages * PAGE)
        return self.fd

    def forget(self) -> None:
        super().forget()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def offset_of(self, address: int) -> int:
        """Where in the file this page is."""
        return address - self.address

    def close(self) -> None:
        self.forget()
