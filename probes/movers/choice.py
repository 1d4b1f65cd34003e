"""Which movers there are, and which of them a case can be measured with."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from probes.errors import CannotRun
from probes.kernel.nodes import memory_nodes
from probes.movers.attempts import MoverChild
from probes.movers.balancing import NumaBalancing
from probes.movers.compacting.background import DirectCompaction, Kcompactd
from probes.movers.compacting.order9 import Order9Compaction
from probes.movers.compacting.spread_holds import SpreadCompaction
from probes.movers.demoting.demotion import Demotion
from probes.movers.guest import Cma, Offline, SoftOffline
from probes.movers.khugepaged import Khugepaged
from probes.movers.own_memory import LongtermPin, Mbind
from probes.movers.resizing.virtio_mem import VirtioMem
from probes.movers.split import Split
from probes.movers.usual import Compaction, MovePages, Mover

_OF_GUESTS = {kind.name: kind for kind in (Offline, SoftOffline, Cma, VirtioMem, Demotion)}
_BY_ADDRESS = {kind.name: kind for kind in (Mbind, LongtermPin, NumaBalancing)}
_FRAGMENTED = {kind.name: kind for kind in (Kcompactd, DirectCompaction)}
GUESTS_ONLY = (*_OF_GUESTS, *_FRAGMENTED, *_BY_ADDRESS, Khugepaged.name)
NAMES = (MovePages.name, Compaction.name, Split.name, *GUESTS_ONLY)


def make(name: str, child: MoverChild, arena_bytes: int, spread: bool = False, guest: bool = False) -> Mover:
    if name in _OF_GUESTS:
        return _OF_GUESTS[name](child)
    if name in _BY_ADDRESS:
        return _BY_ADDRESS[name](child)
    if name in _FRAGMENTED:
        return _FRAGMENTED[name](child, arena_bytes)
    if name == Split.name:
        return Split(child)
    if name == Khugepaged.name:
        return Khugepaged(child)
    if name == MovePages.name:
        return MovePages(child)
    if not spread:
        return Compaction(child, arena_bytes)
    return Order9Compaction(child, arena_bytes) if guest else SpreadCompaction(child, arena_bytes)


def reaching(possible: Sequence[str]) -> Tuple[str, ...]:
    """All movers for a case that can be moved by `possible`. Those of guests meet pages by frame, as compaction does,
    or by address, as move_pages(2) does."""
    by_frame = (*_OF_GUESTS, *_FRAGMENTED) if Compaction.name in possible else ()
    by_address = tuple(_BY_ADDRESS) if MovePages.name in possible else ()
    return (*possible, *by_frame, *by_address)


def choose(wanted: Optional[str], possible: Sequence[str]) -> str:
    """The mover for a case that can be moved by `possible`: by wish, else by the number of nodes.

    A case that names another than these two first is about that one.
    """
    if wanted is None and possible[0] == Split.name:
        return Split.name
    if wanted is None:
        both = MovePages.name in possible and len(memory_nodes()) > 1
        return MovePages.name if both else next(iter(possible)) if Compaction.name not in possible else Compaction.name
    if wanted not in reaching(possible):
        raise CannotRun("%s cannot reach this case's pages; %s can" % (wanted, " and ".join(reaching(possible))))
    return wanted
