"""A page dump as rules ask about it, and the verdict that they make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

from diagnosis.rules.marks import Marks
from diagnosis.rules.page_dump.references import References
from diagnosis.rules.verdict import Reason, Source, Verdict
from diagnosis.text.record import Place, Record

OFFLINE = Source("4.x to 7.3", "mm/memory_hotplug.c", "do_migrate_range")
COUNTING = Source("6.1, 6.12, 7.3", "mm/migrate.c", "folio_migrate_mapping")
FAILED = ("migration failure",)
# Which zone ZONE_MOVABLE is, where the usual configuration of an architecture tells (include/linux/mmzone.h).
MOVABLE_ZONE = {"": 3, "x86_64": 3, "aarch64": 3, "s390x": 2, "riscv64": 2}
NOT_ISOLATED = ("isolation failed", "failed to remove from LRU")


@dataclass(frozen=True)
class Dump:
    record: Record
    references: Optional[References]
    marks: Marks
    mover: str
    architecture: str = ""

    def has(self, *names: str) -> bool:
        return all(name in self.marks for name in names)

    def at(self, *names: str) -> Tuple[Place, ...]:
        return tuple(place for name in names for place in self.marks.get(name, ()))

    @property
    def noun(self) -> str:
        """`an anonymous folio in ZONE_MOVABLE`, as far as the dump tells."""
        kind = "an anonymous" if self.has("folio:anon") else "a KSM" if self.has("folio:ksm") else ""
        kind = kind or ("a page-cache" if self.has("folio:file") else "a")
        size = " large" if self.has("folio:large") else ""
        return kind + size + " folio" + self.where

    @property
    def where(self) -> str:
        if self.has("area:migrate_cma"):
            return " in a CMA pageblock"
        zone = self.record.number("zone")
        if zone is None:
            return ""
        return " in ZONE_MOVABLE" if self.area == "zone_movable" else " in zone %d" % zone

    @property
    def has_surplus(self) -> bool:
        """Is there any reference that nothing explains, or a pin?"""
        refs = self.references
        return bool(refs and ((refs.left or 0) > 0 or (refs.pins or 0) > 0))

    @property
    def area(self) -> str:
        if self.has("area:migrate_cma"):
            return "migrate_cma"
        zone = self.record.number("zone")
        return "zone_movable" if zone is not None and zone == MOVABLE_ZONE.get(self.architecture) else ""

    @property
    def is_cut(self) -> bool:
        """Did a migration fail, and does the dump end before it says so? Its type of page may be missing as well."""
        return not self.record.get("reason") and self.record.get("ret") is not None

    @property
    def is_large(self) -> bool:
        return self.has("folio:large") or self.has("flag:head")


Made = Optional[Verdict]


def verdict(
    dump: Dump,
    rule: str,
    mechanism: str,
    sentence: str,
    reasons: List[Reason],
    *sources: Source,
    proved: bool = True,
    manner: str = "",
    look_alike: bool = False,
    unknown: Tuple[str, ...] = (),
) -> Verdict:
    if not manner:
        manner = {"offline": "retries_without_progress", "cma": "retries_without_progress"}.get(dump.mover, "")
    if dump.area == "zone_movable":
        unknown += (
            "Zone %d is ZONE_MOVABLE where the kernel has the usual zones: 3 on x86-64 and arm64, 2 on s390 and riscv."
            % (dump.record.number("zone") or 0),
        )
    return Verdict(
        rule,
        mechanism,
        proved,
        sentence,
        tuple(reasons),
        tuple(sources),
        manner,
        dump.mover,
        dump.area,
        unknown,
        look_alike,
    )


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
