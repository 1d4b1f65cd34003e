"""Runs as KTAP, version 1, so that whatever reads kselftest and KUnit reads a probe too.

`ok` is a folio that moves, leaves first or was never there; `not ok` is one that stays. What says nothing
(inconclusive, skipped, error) is a skip with its reason, so that no dashboard counts it either way.
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from diagnosis.words import vocabulary


def lines(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line a run, between the version and nothing else; details as `#` lines before it."""
    yield "KTAP version 1"
    yield "1..%d" % len(runs)
    for number, run in enumerate(runs, start=1):
        yield "# %s: %s" % (run["mover"], _plain(run.get("reason", "")) or run["outcome"])
        name = "%d %s.%s" % (number, run["case"], run["mover"])
        if run["outcome"] in vocabulary.HELD:
            yield "not ok %s # %s" % (name, run["outcome"])
        elif run["outcome"] in vocabulary.CONCLUSIVE:
            yield "ok %s # %s" % (name, run["outcome"])
        else:
            yield "ok %s # SKIP %s" % (name, run["outcome"])


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("#", "")
