"""The call trace of a task as rules ask about it: who migrates, what was called from what."""

from __future__ import annotations

from typing import FrozenSet, List, Optional, Sequence, Tuple

from diagnosis.rules import task_state
from diagnosis.rules.verdict import Reason
from diagnosis.text.record import Frame, Record

# Functions that tell who migrates, outermost decisive first. Slug of vocabulary.MOVERS: functions.
MOVERS: Sequence[Tuple[str, FrozenSet[str]]] = (
    (
        "soft_offline",
        frozenset({"soft_offline_page", "soft_offline_in_use_page", "__soft_offline_page", "soft_offline_page_store"}),
    ),
    (
        "longterm_pin",
        frozenset(
            {
                "__gup_longterm_locked",
                "check_and_migrate_movable_pages",
                "memfd_pin_folios",
                "migrate_longterm_unpinnable_folios",
            }
        ),
    ),
    (
        "cma",
        frozenset(
            {
                "cma_alloc",
                "__cma_alloc",
                "__cma_alloc_frozen",
                "cma_range_alloc",
                "cma_alloc_frozen",
                "cma_alloc_frozen_compound",
            }
        ),
    ),
    ("offline", frozenset({"offline_pages", "__offline_pages", "do_migrate_range", "memory_subsys_offline"})),
    # drivers/virtio/virtio_mem.c, 6.1 to 7.3: its worker, and what that calls to empty a subblock.
    ("virtio_mem", frozenset({"virtio_mem_fake_offline", "virtio_mem_sbm_unplug_sb_online", "virtio_mem_run_wq"})),
    ("mbind", frozenset({"do_mbind", "kernel_mbind"})),
    # The last where a compiler has put the first two into their callers (7.3.4 with gcc 12.2 and little configured).
    (
        "move_pages",
        frozenset(
            {
                "do_pages_move",
                "kernel_move_pages",
                "do_migrate_pages",
                "kernel_migrate_pages",
                "move_pages_and_store_status",
            }
        ),
    ),
    ("kcompactd", frozenset({"kcompactd", "kcompactd_do_work"})),
    (
        "compaction",
        frozenset({"__compact_zone", "compact_zone", "compact_node", "compact_zone_order", "try_to_compact_pages"}),
    ),
)


# Of CMA these are only half the proof: virtio-mem and gigantic huge pages clear ranges of ZONE_MOVABLE with them.
CONTIGUOUS = frozenset({"alloc_contig_range", "alloc_contig_frozen_range", "__alloc_contig_migrate_range"})
# Between a wait and a mover these say that it waits for something else than the folio that it moves: it needs memory,
# and reclaims, or takes a page fault, or a driver that is told of the folio's mappings does something of its own.
_ELSEWHERE = (
    *("shrink_", "try_to_free_", "do_try_to_free", "__alloc_pages", "__alloc_frozen_pages", "alloc_pages", "kmalloc"),
    *("__mmu_notifier_", "mmu_notifier_", "mn_itree_", "mn_hlist_"),
    *("handle_mm_fault", "__handle_mm_fault", "asm_exc_page_fault", "do_page_fault", "do_user_addr_fault"),
)


class Trace:
    """The sure frames of a task, innermost first, with the ways that rules ask about them.

    `release`: of the kernel, '' if not known. `is_sure`: not every frame is one that the unwinder only found.
    `context`: of diagnosis.rules.task_state, what the task was at.
    """

    def __init__(self, record: Record, release: str = "") -> None:
        self.record = record
        self.release = release
        sure = [frame for frame in record.frames if not frame.unsure]
        self.is_sure = bool(sure)
        self.frames = sure or list(record.frames)
        self.names = [frame.function for frame in self.frames]
        self.context = task_state.context(record)

    @property
    def is_blocked(self) -> bool:
        return self.context == task_state.BLOCKED

    @property
    def may_sleep(self) -> bool:
        """It slept, or nothing says that it did not."""
        return self.context in (task_state.BLOCKED, task_state.UNKNOWN)

    def first(self, wanted: FrozenSet[str]) -> Optional[Frame]:
        return next((frame for frame in self.frames if frame.function in wanted), None)

    def index(self, wanted: FrozenSet[str]) -> int:
        return next((i for i, name in enumerate(self.names) if name in wanted), -1)

    def above(self, inner: FrozenSet[str], outer: FrozenSet[str]) -> Optional[Tuple[Frame, Frame]]:
        """The two frames where `inner` was called from `outer`, and not on account of reclaim or a page fault."""
        at = self.index(inner)
        if at < 0:
            return None
        for frame in self.frames[at + 1 :]:
            if frame.function in outer:
                return self.frames[at], frame
            if frame.function.startswith(_ELSEWHERE):
                return None
        return None

    def beside(self, inner: FrozenSet[str], outer: FrozenSet[str]) -> Optional[Tuple[Frame, Frame]]:
        """The last of a run of `inner` and the frame of `outer` that called it, with nothing between the two.

        Functions that the unwinder only guessed count here: one between the two may be what was truly called.
        """
        at = self.index(inner)
        while 0 <= at < len(self.frames) - 1:
            one, caller = self.frames[at], self.frames[at + 1]
            if caller.function in outer:
                return one, caller
            if caller.function not in inner:
                return None
            at += 1
        return None

    def guessed_between(self, one: Frame, other: Frame, names: FrozenSet[str]) -> bool:
        """Does one of these stand between two sure frames, marked as a guess?"""
        all_frames = list(self.record.frames)
        between = all_frames[all_frames.index(one) : all_frames.index(other)]
        return any(frame.unsure and frame.function in names for frame in between)

    def under(self, inner: FrozenSet[str], outer: FrozenSet[str]) -> Optional[Tuple[Frame, Frame]]:
        """The first of `inner` and a frame of `outer` further out, whatever stands between the two."""
        at = self.index(inner)
        if at < 0:
            return None
        caller = next((frame for frame in self.frames[at + 1 :] if frame.function in outer), None)
        return (self.frames[at], caller) if caller is not None else None

    def elsewhere(self) -> Optional[Frame]:
        """The frame by which it is at something else than moving, in the middle of moving."""
        return next((frame for frame in self.frames if frame.function.startswith(_ELSEWHERE)), None)

    @property
    def mover(self) -> str:
        return next((mover for mover, functions in MOVERS if self.first(functions)), "")

    @property
    def deed(self) -> str:
        """What it does: its mover, or `contiguous` where nothing tells whether a range is CMA's."""
        return self.mover or ("contiguous" if self.first(CONTIGUOUS) else "")

    @property
    def who(self) -> str:
        comm, pid = self.record.text("comm"), self.record.text("pid")
        return "%s (pid %s)" % (comm, pid) if comm and pid else comm or ("Task %s" % pid if pid else "A task")

    def state(self) -> List[Reason]:
        value = self.record.get("state")
        return [Reason("It is in state %s." % value.text, (value.place,))] if value else []
