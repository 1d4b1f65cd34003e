"""How fast a thread of the list is kept: `make bench-mail`. One run, rounds in turn, medians and their ratios.

A thread of 200 letters (tests.discussion.mailbox) is read, and kept with its tree; beside it the standard library reads
the same file: `mailbox.mbox`, and the text of each mail in it. Ends with 1 where keeping takes longer than the bar.

    python -m bench.mail [--rounds 15]
"""

from __future__ import annotations

import argparse
import mailbox
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import site
from tests.discussion.mailbox import large, mbox

FOLDER = site.ROOT / "var" / "bench"
MOST_SECONDS = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    _, _, stop = site.prepare(FOLDER)
    file = FOLDER / "thread.mbox"
    mails, _ = large()
    file.write_bytes(mbox(*mails))
    print("machine:", os.cpu_count(), "cores; Python", sys.version.split()[0])
    print("load before:", " ".join(f"{one:.1f}" for one in os.getloadavg()))
    try:
        return _tell(_measured(file, given.rounds), len(mails), file.stat().st_size)
    finally:
        stop()


def _measured(file: Path, rounds: int) -> dict[str, float]:
    """Median seconds of each act, the acts in turn; each round keeps the thread anew."""
    from discussion.mail import importer, letters
    from discussion.models import MailThread

    acts: dict[str, Callable[[], object]] = {
        "library": lambda: _by_the_library(file),
        "read": lambda: letters.read(file.read_bytes()),
        "kept": lambda: importer.take(letters.read(file.read_bytes())),
        "again": lambda: importer.take(letters.read(file.read_bytes())),
    }
    seconds: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(rounds):
        MailThread.objects.all().delete()
        for name, act in acts.items():
            began = time.perf_counter()
            act()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(made) for name, made in seconds.items()}


def _by_the_library(file: Path) -> int:
    """What it takes to have every mail's headers and decoded text."""
    box = mailbox.mbox(file, create=False)
    try:
        parts = [part for mail in box for part in mail.walk() if not part.is_multipart()]
        return sum(len(part.get_payload(decode=True) or b"") for part in parts)
    finally:
        box.close()


def _tell(seconds: dict[str, float], nr_letters: int, size_bytes: int) -> int:
    said = {
        "library": "read by the standard library's mailbox",
        "read": "read by this site",
        "kept": "read and kept, with the tree",
        "again": "the same again, of which nothing is new",
    }
    print(f"{nr_letters} letters, {size_bytes / 1000:.0f} kB:")
    for name, words in said.items():
        ratio = seconds[name] / seconds["library"]
        print(f"  {words:42} {1000 * seconds[name]:6.0f} ms, {ratio:5.2f} times the library's")
    met = seconds["kept"] <= MOST_SECONDS
    print(f"bar for reading and keeping: {MOST_SECONDS:.0f} s: {'met' if met else 'NOT met'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
