"""How many FOLL_PIN references exist in the whole system, as the kernel counts them."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Optional

from probes.kernel.counters import vmstat

_REFRESH = "/proc/sys/vm/stat_refresh"


def existing() -> Optional[int]:
    """None where the kernel does not count them (before 5.7).

    The counters of each CPU are folded in first: a CPU keeps some tens of pins to itself (mm/vmstat.c,
    stat_threshold), so 16 pins need not show at all.
    """
    # Suppressed: not root, or a kernel without it. The number is a little old then.
    with contextlib.suppress(OSError), open(_REFRESH, "rb", 0) as refresh:
        refresh.read(1)
    now = vmstat()
    if "nr_foll_pin_acquired" not in now:
        return None
    return now["nr_foll_pin_acquired"] - now["nr_foll_pin_released"]


def since(before: Optional[int]) -> Dict[str, Any]:
    """The change, as a fact for the report; others may pin pages meanwhile too."""
    now = existing()
    return {} if before is None or now is None else {"nr_pins_more": now - before}
