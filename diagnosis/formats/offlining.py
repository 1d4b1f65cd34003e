"""What memory offlining and soft offlining say beside page dumps (mm/memory_hotplug.c, mm/memory-failure.c)."""

from __future__ import annotations

import re
from typing import Callable, List, Match, Pattern, Tuple

from diagnosis.formats.page_dump import flags
from diagnosis.lines import Line
from diagnosis.record import Record

_FAILED = re.compile(r"memory offlining \[mem (0x[0-9a-f]{1,16})-(0x[0-9a-f]{1,16})\] failed(?: due to (\w.{0,60}))?")
# drivers/base (up to at least 5.10), drivers/acpi, arch/powerpc/platforms/pseries/hotplug-memory.c.
_DEVICE = re.compile(
    r"((?:memory memory\d{1,10}|acpi PNP0C80:\w{1,8}): Offline failed|"
    r"pseries-hotplug-mem: Memory (?:hot|indexed)[a-z\-]{0,20}remove failed)"
)
_DONE = re.compile(r"Offlined Pages (\d{1,12})")
_SUPPRESSED = re.compile(r"do_migrate_range: (\d{1,10}) callbacks suppressed")
_SOFT = re.compile(
    r"[sS]oft offline: (0x[0-9a-f]{1,16}): (?:(page|hugepage) )?(migration|isolation) failed:? ?(-?\d{1,10})?"
    r"(?:, page count (-?\d{1,10}))?(?:,? type ((?:0x)?[0-9a-f]{1,16}) ?\((?:0x[0-9a-f]{1,16}\()?([^()]*)\)?)?"
)
_MEMORY_FAILURE = re.compile(r"Memory failure: (0x[0-9a-f]{1,16}): (.{1,120})")
# The shell, tee, daxctl; and chmem, which tells no errno.
_WRITE = re.compile(
    r"(?:write error|cannot write|tee:[^:]{0,300}|Failed to offline \S{0,100}): "
    r"(Device or resource busy|Resource temporarily unavailable)"
)
_CHMEM = re.compile(r"Memory Block \d{1,10} \([^)]{1,60}\) (disable failed)|(Could only disable \S{1,20} of memory)")

_KERNEL = re.compile(
    r"Linux version (\d+\.\d+[^\s(]{0,100})"
    r"(?:.{0,300}?\b(x86_64|amd64|aarch64|arm64|powerpc64le|ppc64le|ppc64|s390x|riscv64|loongarch64)\b)?"
)
# In the header of a warning (behind `Comm:`), and in a line of its own below a hung task's first.
_CPU_RELEASE = re.compile(
    r"(?:Comm: .{1,60}?|^\s*)(?:Not tainted|Tainted: [A-Z][\w\[\]=, -]{0,80}?) +(\d+\.\d+\.\d+[^\s#]{0,100})(?= |$)"
)


class Reader:
    def __init__(self) -> None:
        self._records: List[Record] = []

    def take(self, line: Line) -> bool:
        for regex, read in _READ:
            found = regex.search(line.text)
            if found:
                self._records.append(read(line, found))
                return regex is not _CPU_RELEASE
        return False

    def finish(self) -> List[Record]:
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
    return Record("soft_offline", tuple(values))


def _simple(kind: str, *names: Tuple[str, int]) -> Callable[[Line, Match[str]], Record]:
    def read(line: Line, found: Match[str]) -> Record:
        said = [(n, name, base) for n, (name, base) in enumerate(names, 1) if found[n] is not None]
        return Record(kind, tuple(line.value(name, found, n, base) for n, name, base in said))

    return read


_READ: Tuple[Tuple[Pattern[str], Callable[[Line, Match[str]], Record]], ...] = (
    (_FAILED, _failed),
    (_DEVICE, _simple("offlining", ("failed", 0))),
    (_DONE, _simple("offlining", ("nr_pages_offlined", 10))),
    (_SUPPRESSED, _simple("offlining", ("nr_suppressed", 10))),
    (_SOFT, _soft),
    (_MEMORY_FAILURE, _simple("memory_failure", ("pfn", 16), ("said", 0))),
    (_WRITE, _simple("write_error", ("error", 0))),
    (_CHMEM, _simple("offlining", ("failed", 0), ("failed", 0))),
    (_KERNEL, _simple("kernel", ("release", 0), ("built", 0))),
    (_CPU_RELEASE, _simple("kernel", ("release", 0))),
)
