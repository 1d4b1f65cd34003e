"""A mechanism as a picture: who asks, what keeps the folio, and who decides. Filled from the head of a case alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from catalog.documents.schema import CaseText
from diagnosis.words.vocabulary import CONTROLLERS, EFFECTS, MANNERS, MECHANISMS, look_up

# By mechanism: what is set on the folio, and what stands between it and who decides. WAITS: the folio waits for them;
# HOLDS: they hold on to it; NOWHERE: nobody holds it, and it has nowhere to go or no way to get there.
WAITS, HOLDS, NOWHERE = "waits", "holds", "nowhere"
SHAPES = {
    "writeback": (WAITS, "PG_writeback", "data is written", "until it answers"),
    "page_lock": (WAITS, "PG_locked", "content is awaited", "until it comes"),
    "buffer_lock": (WAITS, "buffer is locked", "I/O is under way", "until it ends"),
    "extra_reference": (HOLDS, "refcount too high", "keeps a reference", ""),
    "foll_pin": (HOLDS, "FOLL_PIN", "keeps a pin", ""),
    "private_data": (HOLDS, "private data", "keeps state on it", ""),
    "no_migrate_op": (NOWHERE, "no migrate_folio", "no way to move it", ""),
    "refused_by_op": (HOLDS, "migrate_folio: no", "refuses the move", ""),
    "split_failure": (HOLDS, "large, not split", "keeps a part", ""),
    "not_on_lru": (HOLDS, "not on the LRU", "has taken it off", ""),
    "device_exclusive": (HOLDS, "device entries", "has it for itself", ""),
    "no_target_memory": (NOWHERE, "movable", "no free memory", ""),
    "policy_skip": (NOWHERE, "movable", "left out by policy", ""),
    "not_movable_type": (NOWHERE, "not movable", "was never movable", ""),
    "stuck_isolated": (WAITS, "isolated", "another mover sleeps", "until it goes on"),
    "accounting_bug": (HOLDS, "refcount too high", "counted wrongly", ""),
    "waits_on_other": (WAITS, "waits for another", "that one is held", "until it is free"),
}
MANNER_SAID = {
    "rejected_at_once": "is refused",
    "retries_without_progress": "tries in vain",
    "sleeps_in_d": "sleeps in D",
    "degraded": "gets less",
}


@dataclass(frozen=True)
class Diagram:
    """`folio`, `link` and `back` are short words of ours; `holders` are labels of the vocabulary."""

    shape: str
    manner: str
    folio: str
    link: str
    back: str
    holders: tuple[str, ...]
    said: str
    caption: str

    def as_json(self) -> dict[str, Any]:
        return {"shape": self.shape, "manner": self.manner, "folio": self.folio, "holders": list(self.holders)}


def diagram(text: CaseText) -> Diagram | None:
    """None for a mechanism that has no picture yet."""
    if text.mechanism not in SHAPES:
        return None
    shape, folio, link, back = SHAPES[text.mechanism]
    manners = [slug for slug in MANNERS if any(effect.manner == slug for effect in text.effects)]
    worst = "sleeps_in_d" if "sleeps_in_d" in manners else manners[0] if manners else ""
    meaning = look_up(MECHANISMS, text.mechanism).meaning
    holders = tuple(look_up(CONTROLLERS, slug).label for slug in text.controllers)
    return Diagram(shape, MANNER_SAID.get(worst, "asks"), folio, link, back, holders[:2], _said(text, holders), meaning)


def _said(text: CaseText, holders: tuple[str, ...]) -> str:
    """The same in sentences."""
    asked = [f"{look_up(EFFECTS, e.effect).label} {look_up(MANNERS, e.manner).label}" for e in text.effects]
    parts = [look_up(MECHANISMS, text.mechanism).meaning.rstrip("."), f"who decides for how long: {', '.join(holders)}"]
    parts += ["what follows: " + "; ".join(asked)] if asked else []
    return ". ".join(part[:1].upper() + part[1:] for part in parts) + "."
