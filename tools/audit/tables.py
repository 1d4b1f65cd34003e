"""Four questions to a tree. Each answer is rows of file, function and what was found; the line stands last."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tools.audit.source import Function, Tree, call, functions

_PINS = (
    "pin_user_pages", "pin_user_pages_fast", "pin_user_pages_remote", "pin_user_pages_unlocked", "memfd_pin_folios",
    "get_user_pages", "get_user_pages_fast", "get_user_pages_remote", "get_user_pages_unlocked",
    "get_user_pages_fast_only", "iov_iter_extract_pages", "iov_iter_get_pages2", "iov_iter_get_pages_alloc2",
)  # fmt: skip
_HELD = (
    "drm_gem_get_pages", "shmem_read_mapping_page", "shmem_read_mapping_page_gfp", "shmem_read_folio",
    "shmem_read_folio_gfp",
)  # fmt: skip
_MASKS = ("mapping_set_gfp_mask", "mapping_set_unmovable", "mapping_set_inaccessible")
_WAITS = (
    "folio_lock", "lock_page", "folio_wait_writeback", "wait_on_page_writeback", "lock_buffer", "wait_on_buffer",
    "folio_wait_locked", "folio_lock_killable", "folio_wait_writeback_killable", "mmap_read_lock", "mmap_write_lock",
    "down_read", "down_write", "mutex_lock", "wait_event", "reclaim_throttle", "lru_cache_disable", "cond_resched",
)  # fmt: skip
_WAITED_IN = ("mm/migrate.c", "mm/compaction.c", "mm/memory_hotplug.c", "mm/migrate_device.c")
_AOPS = re.compile(r"struct\s+address_space_operations\s+(\w+)\s*=\s*\{")
_FIELD = re.compile(r"\.(\w+)\s*=\s*(\w+)")


@dataclass(frozen=True, order=True)
class Row:
    """`what` and `more` say what was found. The line is no part of what two trees are compared by."""

    table: str
    file: str
    function: str
    what: str
    more: str
    line: int

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        return (self.table, self.file, self.function, self.what, self.more)


def _calls(name: str, text: str, wanted: tuple[str, ...]) -> Iterator[tuple[Function, str, int, str]]:
    """Every call of these in a file: the function that it stands in, its name, its line, all of it."""
    pattern = re.compile(rf"\b({'|'.join(wanted)})\s*\(")
    for function in functions(text):
        for found in pattern.finditer(function.text):
            if found.start() == 0:  # it is the function's own name
                continue
            line = function.first + function.text.count("\n", 0, found.start())
            yield function, found[1], line, call(function.text, found.start())


def pins(tree: Tree) -> Iterator[Row]:
    """Who takes pages of user space, and whether FOLL_LONGTERM is in the call or in the function."""
    for name, text in tree.files(*_PINS):
        if name in ("mm/gup.c", "include/linux/mm.h", "lib/iov_iter.c", "mm/gup_test.c", "include/linux/uio.h"):
            continue
        for function, called, line, whole in _calls(name, text, _PINS):
            if called == "memfd_pin_folios" or "FOLL_LONGTERM" in whole:
                longterm = "longterm"
            else:
                longterm = "longterm in the function" if "FOLL_LONGTERM" in function.text else "not longterm"
            yield Row("pins", name, function.name, called, longterm, line)


def operations(tree: Tree) -> Iterator[Row]:
    """Tables of address_space_operations without a way to migrate a folio, and whether they write."""
    for name, text in tree.files("address_space_operations"):
        for found in _AOPS.finditer(text):
            body = text[found.end() : text.find("};", found.end())]
            fields = dict(_FIELD.findall(body))
            if "migrate_folio" in fields or "migratepage" in fields:
                continue
            writes = "writes" if fields.keys() & {"writepages", "writepage"} else "does not write"
            yield Row("no migrate_folio", name, "", found[1], writes, text.count("\n", 0, found.start()) + 1)


def masks(tree: Tree) -> Iterator[Row]:
    """Drivers that hold pages of a shmem mapping, and whether the folder restricts the mask of any mapping."""
    restricting: dict[str, set[str]] = {}
    for name, text in tree.files(*_MASKS):
        for _, called, _, whole in _calls(name, text, _MASKS):
            restricting.setdefault(_folder(name), set()).add(
                whole.replace(called, "").strip("()").split(",")[-1].strip() if called == _MASKS[0] else called
            )
    for name, text in tree.files(*_HELD):
        if name.startswith(("mm/", "include/")):
            continue
        for function, called, line, _ in _calls(name, text, _HELD):
            masks_seen = " or ".join(sorted(restricting.get(_folder(name), {"no mask is set in this folder"})))
            yield Row("held mappings", name, function.name, called, masks_seen, line)


def _folder(name: str) -> str:
    """A driver: the folder, of i915 and the like without its sub-folders."""
    parts = name.split("/")
    return "/".join(parts[: min(len(parts) - 1, 4)])


def waits(tree: Tree) -> Iterator[Row]:
    """Where migration may sleep, in the files of migration, compaction and memory hotplug."""
    for name in _WAITED_IN:
        path = tree.root / name
        if path.is_file():
            for function in tree.functions(name):
                for found in re.finditer(rf"\b({'|'.join(_WAITS)})\s*\(", function.text):
                    if found[1] != "cond_resched" and found.start():
                        line = function.first + function.text.count("\n", 0, found.start())
                        yield Row("waits", name, function.name, found[1], "", line)


TABLES: dict[str, Callable[[Tree], Iterator[Row]]] = {
    "pins": pins,
    "operations": operations,
    "masks": masks,
    "waits": waits,
}


def rows(tree: Tree) -> list[Row]:
    return sorted(row for table in TABLES.values() for row in table(tree))


HEAD = "table\tfile\tfunction\twhat\tmore\tline"


def written(found: list[Row], release: str) -> str:
    """As it is kept: which tree and which command, then a row a line, with tabs between."""
    head = [f"# {release}: python -m tools.audit tables TREE", HEAD]
    return "\n".join([*head, *("\t".join((*row.key, str(row.line))) for row in found)]) + "\n"


def read(text: str) -> list[Row]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#") and line != HEAD]
    return [_row(*line.split("\t")) for line in lines]


def _row(table: str, file: str, function: str, what: str, more: str, line: str) -> Row:
    return Row(table, file, function, what, more, int(line))


def difference(before: list[Row], after: list[Row]) -> list[str]:
    """What is gone (-) and what came (+), lines aside; how often, where more than once."""
    old, new = _counted(before), _counted(after)
    told = []
    for key in sorted(old.keys() | new.keys()):
        change = new.get(key, 0) - old.get(key, 0)
        if change:
            times = f"\tx{abs(change)}" if abs(change) > 1 else ""
            told.append(("+" if change > 0 else "-") + "\t".join(key) + times)
    return told


def _counted(found: list[Row]) -> dict[tuple[str, str, str, str, str], int]:
    counted: dict[tuple[str, str, str, str, str], int] = {}
    for row in found:
        counted[row.key] = counted.get(row.key, 0) + 1
    return counted
