"""From what was counted in a run to its outcome. Probe and server use this one function.

The page frame numbers decide, never a mover's return value: move_pages(2) writes no status for a
batch that failed in part (mm/migrate.c, do_pages_move, measured on 6.1, 6.12 and 7.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class Count:
    """What one run counted. All numbers are pages; a page moved when its page frame number changed.

    `returned`: did the mover come back before its deadline, while the target was held.
    `nr_moved_after_release`: None where nothing was tried after the release.
    `operation_held` / `operation_released`: did the operation as a whole (block offline, CMA
    allocation) succeed while held and after; None where the mover has no such result.
    `reached`: False where the mover came back although this hold makes it sleep, so that it never came
    to the target: MIGRATE_SYNC waits for writeback and for the folio lock (mm/migrate.c, migrate_folio_unmap).
    """

    control_nr: int
    control_moved: int
    target_nr: int
    moved_by_hold: int
    moved_while_held: int
    moved_after_release: Optional[int]
    returned: bool
    in_movable_area: bool = True
    operation_held: Optional[bool] = None
    operation_released: Optional[bool] = None
    reached: bool = True


def judge(count: Count) -> Tuple[str, str]:
    """The outcome (a slug of vocabulary.OUTCOMES) and the reason for it, in a sentence."""
    held = "%d of %d pages moved while held" % (count.moved_while_held, count.target_nr)
    if 2 * count.moved_by_hold >= count.target_nr and count.operation_held:
        return "leaves_first", "%d of %d pages moved by the hold itself, and the operation succeeded" % (
            count.moved_by_hold,
            count.target_nr,
        )
    if not count.in_movable_area:
        return "never_there", "the target was in no movable area when it was held"
    if 2 * count.moved_while_held >= count.target_nr:
        return "moves", held
    if 20 * count.moved_while_held > count.target_nr:
        return "inconclusive", held + ": too many to be held, too few to call it moving"
    # An operation over the whole range that fails while held and succeeds after is a control of its own.
    proved_by_operation = count.operation_held is False and count.operation_released is True
    if 2 * count.control_moved < count.control_nr and not proved_by_operation:
        return "inconclusive", "only %d of %d control pages moved" % (count.control_moved, count.control_nr)
    released = count.moved_after_release
    if not proved_by_operation and (released is None or 2 * released < count.target_nr):
        return "inconclusive", "%s of %d pages moved after the release" % (
            "unknown how many" if released is None else released,
            count.target_nr,
        )
    after = "" if released is None else ", %d after the release" % released
    if count.returned and not count.reached:
        return "inconclusive", held + "; the mover came back without having waited, so it did not reach them"
    if count.returned:
        return "refuses", held + after + "; the mover came back"
    return "hangs", held + after + "; the mover slept until the release"
