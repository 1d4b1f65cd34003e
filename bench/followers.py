"""One comment on a case that thousands follow, and a worker that dies in the middle: `make bench-followers`.

A mail server on loopback takes all; the worker is the one of `make run`. It is killed with SIGKILL while it writes the
rows of the outbox, and at each third of the mails. Prints seconds, how large the worker was, and what became of the
rows. Ends with 1 where somebody has not one row that ends in sent or in doubt, or got the mail twice.

    python -m bench.followers [--followers 10000] [--rounds 2]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from bench.site import environment
from local.postgres import Postgres


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--followers", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    print("machine:", os.cpu_count(), "cores; Python", sys.version.split()[0], flush=True)
    codes = [_round(given.followers) for _ in range(given.rounds)]
    return max(codes)


def _round(nr_followers: int) -> int:
    """A process of its own, as Django is set up once, with a database of its own."""
    folder = Path(tempfile.mkdtemp(prefix="unmigratable-followers-"))
    pid = os.fork()
    if not pid:
        os._exit(_told(nr_followers, folder))
    _, status = os.waitpid(pid, 0)
    shutil.rmtree(folder, ignore_errors=True)
    return os.waitstatus_to_exitcode(status)


def _told(nr_followers: int, folder: Path) -> int:
    database = Postgres(folder / "postgres")
    database.start()
    try:
        os.environ.update(environment(database.url, folder))
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        from tests.mailing.killed import tell

        before = " ".join(f"{one:.1f}" for one in os.getloadavg())
        killed_at = (nr_followers // 3, 2 * nr_followers // 3)
        told = tell(nr_followers, killed_at, database.url, folder / "var", patience_seconds=3_600)
        print(f"load before {before}, after " + " ".join(f"{one:.1f}" for one in os.getloadavg()))
        print(told)
        faults = told.faults()
        print("faults:", "; ".join(faults) or "none", flush=True)
        return 1 if faults else 0
    finally:
        database.stop()


if __name__ == "__main__":
    sys.exit(main())
