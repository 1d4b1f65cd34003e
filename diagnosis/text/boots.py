"""Which kernel a record is of, where a text has several: a journal that reaches back beyond a reboot.

A record belongs to the kernel that was named last above it. What stands above the first of several is of none: the
kernel that wrote it is not told.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import List, Sequence, Tuple

from diagnosis.text.record import Record


class Boots:
    def __init__(self, records: Sequence[Record]) -> None:
        """`records` in the order of their lines."""
        self.releases: List[str] = []
        self._named: List[Tuple[int, str]] = []
        for record in records:
            release = record.text("release") if record.kind == "kernel" else ""
            if release:
                known = next((one for one in self.releases if one.startswith(release) or release.startswith(one)), "")
                if not known:
                    self.releases.append(release)
                self._named.append((record.lines[0], known or release))

    @property
    def are_several(self) -> bool:
        return len(self.releases) > 1

    def release_of(self, record: Record) -> str:
        """'' where none is named, or several are and none of them above it."""
        if not self.are_several:
            return self.releases[0] if self.releases else ""
        at = bisect_right(self._named, (record.lines[0], "\U0010ffff"))
        below = self._named[at - 1][1] if at else ""
        if below or record.kind != "task":
            return below
        # The line of a hung task's taints stands below its first.
        inside = [release for line, release in self._named if record.lines[0] <= line <= record.lines[1]]
        return inside[0] if inside else ""
