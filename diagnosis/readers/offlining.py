"""What memory offlining and soft offlining say beside page dumps (mm/memory_hotplug.c, mm/memory-failure.c)."""

from __future__ import annotations

import re
from typing import Callable, List, Match, Optional, Pattern, Tuple

from diagnosis.readers.page_dump import flags
from diagnosis.text.lines import Line
from diagnosis.text.record import Record, Value

_FAILED = re.compile(r"memory offlining \[mem (0x[0-9a-f]{1,16})-(0x[0-9a-f]{1,16})\] failed(?: due to (\w.{0,60}))?")
# drivers/base (up to at least 5.10), drivers/acpi, arch/powerpc/platforms/pseries/hotplug-memory.c.
_DEVICE = re.compile(
    r"((?:memory memory\d{1,10}|acpi PNP0C80:\w{1,8}): Offline failed|"
    r"pseries-hotplug-mem: (?:Memory (?:hot|indexed)[a-z\-]{0,20}remove failed|"
    r"Failed to hot-remove memory at [0-9a-f]{1,16})|"
    r"dlpar: Could not handle DLPAR request \"memory remove[^\"]{0,60}|"
    r"(?:removing memory fails, because|Refuse to remove 0x[0-9a-f]{1,16}))"
)
_DONE = re.compile(r"Offlined Pages (\d{1,12})")
_SUPPRESSED = re.compile(r"do_migrate_range: (\d{1,10}) callbacks suppressed")
_SOFT = re.compile(
    r"[sS]oft offline: (0x[0-9a-f]{1,16}): (?:(page|hugepage) )?(migration|isolation) failed:? ?(-?\d{1,10})?"
    r"(?:, page count (-?\d{1,10}))?(?:,? type ((?:0x)?[0-9a-f]{1,16}) ?\((?:0x[0-9a-f]{1,16}\()?([^()]*)\)?)?"
)
# 3.x to 5.14: no colon, and other words (mm/memory-failure.c, soft_offline_huge_page and __soft_offline_page).
_SOFT_OLD = re.compile(
    r"[sS]oft[ _]offline: (0x[0-9a-f]{1,16}):? (?:(hugepage|page) )?(failed to isolate|thp split failed|"
    r"(?:hugepage |page )?already poisoned|unknown (?:non LRU|zero refcount) page(?: type)?|invalidated)"
    r"(?:[ ,]+(?:type )?((?:0x)?[0-9a-f]{1,16}) ?\((?:0x[0-9a-f]{1,16}\()?([^()]*)\)?)?"
)
# A free huge page of the pool that could not be given back (mm/hugetlb.c, mm/memory-failure.c, 4.14 to 7.3).
_DISSOLVE = re.compile(
    r"(?:failed|failure|unable|[Cc]ould not|[Cc]annot) (?:to )?dissolve.{0,60}?huge ?pages?|"
    r"dissolve_free_h\w{1,40}.{0,40}failed"
)
_MEMORY_FAILURE = re.compile(r"Memory failure: (0x[0-9a-f]{1,16}): (.{1,120})")
# The shell, tee, daxctl; and chmem, which tells no errno.
_WRITE = re.compile(
    r"(?:write error|cannot write|tee:[^:]{0,300}|Failed to offline \S{0,100}): "
    r"(Device or resource busy|Resource temporarily unavailable)"
)
_CHMEM = re.compile(r"Memory Block \d{1,10} \([^)]{1,60}\) (disable failed)|(Could only disable \S{1,20} of memory)")

_KERNEL = re.compile(
    r"(?:Linux version|\bKernel(?: [Vv]ersion)?:|^Linux \S{1,64}(?= \d{1,3}\.\d{1,3}\S{0,100} #)) ?v?"
    r"(\d+\.\d+[^\s(]{0,100})"
    r"(?:.{0,300}?\b(x86_64|amd64|aarch64|arm64|powerpc64le|ppc64le|ppc64|s390x|riscv64|loongarch64)\b)?"
)
# In the header of a warning (behind `Comm:`), and in a line of its own below a hung task's first.
_CPU_RELEASE = re.compile(
    r"(?:Comm: .{1,60}?|^\s*)(?:Not tainted|Tainted: [A-Z][\w\[\]=, -]{0,80}?) +(\d+\.\d+\.\d+[^\s#]{0,100})(?= |$)"
)


# A block of memory by its name or path, and any other file of /sys or /proc that something is written to.
_BLOCK = re.compile(
    r"\bmemory/?memory\d{1,10}\b|/memory\d{1,10}\b|\bmemory\d{1,10}/(?:state|online)|soft_offline_page|"
    r"memory offlining"
)
_PATH = re.compile(
    r"(?:>|tee(?: -\w{1,3})?|Failed to offline) {0,3}\"?(/(?:sys|proc|dev)/[\w./:*{}$-]{1,200})|"
    r"^\S{0,60}(/sys/[\w./:-]{1,200}):"
)
MAX_APART = 3


class Reader:
    """Holds back refused writes until it is known whether the text names a block of memory: EBUSY is everybody's."""

    def __init__(self) -> None:
        self._records: List[Record] = []
        self._refused: List[Tuple[Record, Optional[Value]]] = []
        self._names_block = False
        self._path: Optional[Tuple[int, Value]] = None

    def take(self, line: Line) -> bool:
        self._look(line)
        for regex, read in _READ:
            found = regex.search(line.text)
            if found is None:
                continue
            if regex is _WRITE:
                near = self._path if self._path and line.number - self._path[0] <= MAX_APART else None
                self._refused.append((read(line, found), near[1] if near else None))
                self._path = None
            else:
                self._records.append(read(line, found))
            return regex is not _CPU_RELEASE
        return False

    def _look(self, line: Line) -> None:
        if "memory" in line.text or "soft_offline" in line.text:
            self._names_block = self._names_block or _BLOCK.search(line.text) is not None
        if ("/sys/" in line.text or "/proc/" in line.text or "/dev/" in line.text) and (
            found := _PATH.search(line.text)
        ):
            self._path = (line.number, line.value("path", found, 1 if found[1] else 2))

    def finish(self) -> List[Record]:
        """A write to another file is told as that; one to nobody knows what counts where a block is named."""
        for record, path in self._refused:
            if path is not None and not _BLOCK.search(path.text):
                self._records.append(Record("write_elsewhere", (*record.values, path)))
            elif path is not None or self._names_block:
                self._records.append(record)
        return self._records


def _failed(line: Line, found: Match[str]) -> Record:
    values = [line.value("failed", found), line.value("start", found, 1, 16), line.value("end", found, 2, 16)]
    return Record("offlining", (*values, line.value("reason", found, 3)) if found[3] else tuple(values))


def _soft(line: Line, found: Match[str]) -> Record:
    values = [line.value("pfn", found, 1, 16), line.value("failed", found, 3)]
    for name, group, base in (("what", 2, 0), ("ret", 4, 10), ("page_count", 5, 10)):
        values += [line.value(name, found, group, base)] if found[group] else []
    if found[6]:
        values += [line.value("flags", found, 6, 16), *flags(line, found.start(7), found.end(7))]
        values += [] if line.text[found.end(7) : found.end(7) + 1] == ")" else [line.value("flags_cut", found, 6)]
    return Record("soft_offline", tuple(values))


def _soft_old(line: Line, found: Match[str]) -> Record:
    """As what later kernels say in other words: an isolation that failed, or nothing that was to be moved."""
    values = [line.value("pfn", found, 1, 16)]
    values += [line.value("what", found, 2)] if found[2] else []
    if found[3].startswith(("failed to isolate", "unknown")):
        values.append(Value("failed", "isolation", line.place(*found.span(3))))
    elif found[3].startswith("thp split"):
        values.append(Value("failed", "split", line.place(*found.span(3))))
    else:
        return Record("memory_failure", (values[0], line.value("said", found, 3)))
    if found[4]:
        values += [line.value("flags", found, 4, 16), *flags(line, found.start(5), found.end(5))]
        values += [] if line.text[found.end(5) : found.end(5) + 1] == ")" else [line.value("flags_cut", found, 4)]
    return Record("soft_offline", tuple(values))


def _simple(kind: str, *names: Tuple[str, int]) -> Callable[[Line, Match[str]], Record]:
    def read(line: Line, found: Match[str]) -> Record:
        said = [(n, name, base) for n, (name, base) in enumerate(names, 1) if found[n] is not None]
        return Record(kind, tuple(line.value(name, found, n, base) for n, name, base in said))

    return read


def _dissolve(line: Line, found: Match[str]) -> Record:
    return Record("not_dissolved", (line.value("failed", found),))


_READ: Tuple[Tuple[Pattern[str], Callable[[Line, Match[str]], Record]], ...] = (
    (_FAILED, _failed),
    (_DEVICE, _simple("offlining", ("failed", 0))),
    (_DONE, _simple("offlining", ("nr_pages_offlined", 10))),
    (_SUPPRESSED, _simple("offlining", ("nr_suppressed", 10))),
    (_SOFT, _soft),
    (_SOFT_OLD, _soft_old),
    (_DISSOLVE, _dissolve),
    (_MEMORY_FAILURE, _simple("memory_failure", ("pfn", 16), ("said", 0))),
    (_WRITE, _simple("write_error", ("error", 0))),
    (_CHMEM, _simple("offlining", ("failed", 0), ("failed", 0))),
    (_KERNEL, _simple("kernel", ("release", 0), ("built", 0))),
    (_CPU_RELEASE, _simple("kernel", ("release", 0))),
)
