"""Locked memory: unevictable, and migratable all the same; compaction alone may be told to leave it out.

That is vm.compact_unevictable_allowed, which is 1 where nobody changed it and 0 with PREEMPT_RT
(mm/compaction.c, ISOLATE_UNEVICTABLE). The probe reads the setting and leaves it as it is: changed and
not put back, by a probe that was killed, it would stay changed for the whole machine.
"""

from __future__ import annotations

from typing import Any, Dict

from probes.kernel import facts, syscalls
from probes.movers.usual import Mover
from probes.run.experiment import Case
from probes.run.pool import AnonymousPool

_SETTING = "vm.compact_unevictable_allowed"


class MlockCompactionPolicy(AnonymousPool):
    def hold(self, mover: Mover) -> Dict[str, Any]:
        for address in self.target:
            syscalls.lock_pages(address, 1)
        found = facts.sysctl(_SETTING)
        setting = {_SETTING: found[0]} if found else {}
        return {**setting, **self.shown()}

    def release(self) -> None:
        for address in self.target:
            syscalls.unlock_pages(address, 1)


CASE = Case(
    slug="mlock-compaction-policy",
    title="Locked memory, which compaction may be told to skip",
    hold_class="setting",
    needs_root="to see page frame numbers and to start compaction; the hold itself needs no privilege",
    devices=(),
    movers=("move_pages", "compaction"),
    will_do="mlock 16 anonymous pages, and have them migrated; vm.compact_unevictable_allowed is read, not set",
    side_effects="none for others, but that memory is compacted",
    cleans_up="unlocks the pages; the lock ends with the process",
    experiment=MlockCompactionPolicy,
)
