"""The strip of a case: what was seen on each line of kernels, all of it by one mover in one setting.

Cells stand side by side and are read as a change from one kernel to the next, so they must differ in nothing but the
kernel: one mover, area, environment, architecture and kind of evidence. What else was tried on a line is a small mark.
Lines are the newest ones that are kept for years, and the newest of all: however many odd kernels labs send, a strip
does not grow. All of them are on the pages of kernels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from catalog.measured.overview import GLYPHS, MEANINGS, verdict
from catalog.models import Case, Total
from diagnosis.kernels import releases
from diagnosis.words.vocabulary import ENVIRONMENTS, MOVERS, Word, look_up, look_up_area

LONGTERM_SHOWN = 4
# Whose strip is shown where several movers were tried on as many lines: what hurts most when it fails stands first.
PREFERRED = ("offline", "cma", "compaction", "move_pages", "soft_offline", "kcompactd", "longterm_pin", "split")


class Setting(NamedTuple):
    """What two cells of one strip have in common."""

    mover: str
    area: str
    environment: str
    architecture: str
    kind: str

    @property
    def said(self) -> str:
        """'offline, ZONE_MOVABLE, x86_64 guest'"""
        where = f"{self.architecture} {look_up(ENVIRONMENTS, self.environment).label}"
        parts = [look_up(MOVERS, self.mover).label, look_up_area(self.area).label, where]
        return ", ".join(parts if self.kind == "run" else [*parts, f"from a {self.kind}"])


class Seen(NamedTuple):
    """The conclusive runs of one setting on one release."""

    release: str
    held: int
    runs: int

    @property
    def verdict(self) -> str:
        return verdict(self.held, self.runs)


@dataclass(frozen=True)
class Cell:
    """One line: the newest build on which this strip's setting was tried, and what else was tried on the line."""

    line: str
    seen: Seen | None
    others: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        return self.seen.verdict if self.seen else "other" if self.others else "none"

    @property
    def glyph(self) -> str:
        return GLYPHS[self.verdict]

    @property
    def said(self) -> str:
        said = f"{self.line}: {MEANINGS[self.verdict]}"
        if self.seen:
            said += f", {self.seen.held} of {_runs(self.seen.runs)} held on {self.seen.release}"
        return said + (f". Tried otherwise: {'; '.join(self.others)}" if self.others else "")


@dataclass(frozen=True)
class Strip:
    """`setting`: None where there is no conclusive run. `lines`: all that there are runs on, shown or not, with how
    many were held, of how many; `movers`: all that were tried; `last_seen_at`: when any of it was last measured."""

    setting: Setting | None
    cells: tuple[Cell, ...]
    lines: Mapping[str, tuple[int, int]]
    movers: tuple[str, ...]
    last_seen_at: datetime | None = None

    @property
    def mover(self) -> Word | None:
        return look_up(MOVERS, self.setting.mover) if self.setting else None

    @property
    def newest(self) -> str:
        return self.cells[-1].line if self.cells else ""

    @property
    def is_held_on_newest(self) -> bool:
        """By whichever mover."""
        return self.lines.get(self.newest, (0, 0))[0] > 0


Tried = dict[Setting, dict[str, list[Seen]]]


def lines(known: Iterable[releases.Release]) -> list[str]:
    """Of these releases' lines the newest that are kept for years, then the newest of all; the oldest first.

    Only upstream's and those who build it as it is: no -rc, no linux-next, and no vendor's line.
    """
    bases = {r.base: r.line for r in known if r.is_known and not r.vendor and not r.is_candidate}
    ordered = [bases[base] for base in sorted(bases)]
    return [line for line in ordered[:-1] if line in releases.LONGTERM][-LONGTERM_SHOWN:] + ordered[-1:]


Lines = Callable[[list[releases.Release]], list[str]]


def strips(cases: Iterable[Case], mover: str = "", lines_of: Lines = lines) -> dict[int, Strip]:
    """By case: a cell for each line that is shown, in the setting of `mover`, or in the one that most lines were tried
    in. One query. A labelled build (a candidate fix) is no kernel that people run, and stays out. `lines_of` chooses
    what is shown of all that was measured."""
    tried: dict[int, Tried] = {case.pk: defaultdict(lambda: defaultdict(list)) for case in cases}
    rows = Total.objects.filter(case__in=tried, build__label="", conclusive__gt=0).order_by()
    named: set[str] = set()
    last: dict[int, datetime] = {}
    for case, release, held, runs, seen_at, *setting in rows.values_list(*_READ):
        last[case] = max(seen_at, last.get(case, seen_at))
        tried[case][Setting(*setting)][releases.read(release).line].append(Seen(release, held, runs))
        named.add(release)
    shown = lines_of([releases.read(release) for release in named])
    return {case: _strip(of, shown, mover, last.get(case)) for case, of in tried.items()}


def by_mover(seen: Iterable[tuple[Setting, Seen]], shown: list[str]) -> list[Strip]:
    """A strip for each mover that was tried, in the order of PREFERRED; its setting is chosen as for a single strip."""
    tried: Tried = defaultdict(lambda: defaultdict(list))
    for setting, one in seen:
        tried[setting][releases.read(one.release).line].append(one)
    movers = {setting.mover for setting in tried}
    ordered = [mover for mover in PREFERRED if mover in movers] + sorted(movers - set(PREFERRED))
    return [_strip(tried, shown, mover, None) for mover in ordered]


_READ = ("case_id", "build__release", "held", "conclusive", "last_seen_at", *Setting._fields)


def _strip(tried: Tried, shown: list[str], mover: str, last_seen_at: datetime | None) -> Strip:
    setting = _chosen(tried, shown, mover)
    cells = tuple(_cell(line, tried, setting) for line in shown)
    sums: dict[str, tuple[int, int]] = {}
    for by_line in tried.values():
        for line, seen in by_line.items():
            held, runs = sums.get(line, (0, 0))
            sums[line] = held + sum(one.held for one in seen), runs + sum(one.runs for one in seen)
    return Strip(setting, cells, sums, tuple(sorted({one.mover for one in tried})), last_seen_at)


def _chosen(tried: Tried, shown: list[str], mover: str) -> Setting | None:
    """Runs with a control before anything else, then what covers the most lines: there changes can be seen."""

    def worth(setting: Setting) -> tuple[bool, int, int, int, Setting]:
        by_line = tried[setting]
        place = PREFERRED.index(setting.mover) if setting.mover in PREFERRED else len(PREFERRED)
        runs = sum(one.runs for line in shown for one in by_line.get(line, ()))
        return setting.kind != "run", -sum(line in by_line for line in shown), place, -runs, setting

    return min((one for one in tried if not mover or one.mover == mover), key=worth, default=None)


def _cell(line: str, tried: Tried, setting: Setting | None) -> Cell:
    seen = {one: _newest(by_line[line]) for one, by_line in tried.items() if line in by_line}
    mine = seen.pop(setting, None) if setting else None
    others = {f"{_apart(one, setting)}: {MEANINGS[of.verdict]}" for one, of in seen.items()}
    return Cell(line, mine, tuple(sorted(others)))


def _apart(other: Setting, shown: Setting | None) -> str:
    """By mover alone: a fleet of odd architectures makes no list of them."""
    label = look_up(MOVERS, other.mover).label
    return f"{label} in another setting" if shown and other.mover == shown.mover else label


def _newest(seen: list[Seen]) -> Seen:
    """Of one line the newest build: an older one may lack what was mended since."""
    return max(seen, key=lambda one: (releases.read(one.release).order, one.release)) if len(seen) > 1 else seen[0]


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"
