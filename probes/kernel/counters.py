"""Counters of /proc/vmstat that tell of migration."""

from __future__ import annotations

from typing import Dict

VMSTAT = (
    "pgmigrate_success", "pgmigrate_fail", "compact_isolated", "compact_fail", "compact_success", "compact_stall",
    "nr_foll_pin_acquired", "nr_foll_pin_released", "nr_writeback", "nr_writeback_temp", "nr_dirty",
    "nr_isolated_anon", "nr_isolated_file", "thp_split_page", "thp_split_page_failed",
    "thp_fault_alloc", "thp_fault_fallback", "thp_collapse_alloc", "thp_collapse_alloc_failed",
    "compact_daemon_wake", "pswpin", "pswpout",
    "pgdemote_kswapd", "pgdemote_direct", "pgdemote_khugepaged", "pgdemote_proactive", "pgpromote_success",
    "numa_pte_updates", "numa_hint_faults", "numa_hint_faults_local", "numa_pages_migrated",
    "cma_alloc_success", "cma_alloc_fail", "htlb_buddy_alloc_success", "htlb_buddy_alloc_fail",
)  # fmt: skip


def vmstat() -> Dict[str, int]:
    with open("/proc/vmstat", encoding="ascii") as table:
        pairs = (line.split() for line in table)
        return {name: int(value) for name, value in pairs if name in VMSTAT}


def difference(before: Dict[str, int], after: Dict[str, int]) -> Dict[str, int]:
    """What changed; what did not is left out."""
    return {name: after[name] - before[name] for name in after if name in before and after[name] != before[name]}
