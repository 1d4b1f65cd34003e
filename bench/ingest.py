"""How fast reports come in: `make bench-ingest`. One run, rounds interleaved, medians and their ratios.

A PostgreSQL of its own (durable), the site under gunicorn as `make run` starts it, a yardstick beside
it, and the load generator share one machine: read the ratios, and the absolute figures with the load it prints.

    python -m bench.ingest [--rounds 5] [--seconds 4] [--drain 100000] [--memory 1000000] [--only one,batch,squad,…]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys

from bench import drains, site, submits

FOLDER = site.ROOT / "var" / "bench"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--drain", type=int, default=100_000)
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--only", default="one,batch,latency,drain,squad")
    given = parser.parse_args()
    machine, secret, stop = site.prepare(FOLDER)
    wanted = given.only.split(",")
    print(
        "machine:", platform.processor() or platform.machine(), os.cpu_count(), "cores; Python", sys.version.split()[0]
    )
    print("load before:", " ".join(f"{one:.1f}" for one in os.getloadavg()))
    print(
        "web: gunicorn gthread 2x4, pool of 8 connections a process; broker:",
        os.environ["CELERY_BROKER_URL"].partition(":")[0],
    )
    print("report:", len(site.template()), "bytes, one run", flush=True)
    try:
        if "one" in wanted:
            site.said(
                "16 connections, one report a request", submits.one_at_a_time(secret, given.rounds, given.seconds)
            )
        if "batch" in wanted:
            site.said("one connection, 5,000 lines a batch", submits.batches(secret, given.rounds))
        if "latency" in wanted:
            found = submits.latencies(secret, 100, 20)
            middle, late = found[len(found) // 2], found[int(len(found) * 0.95)]
            print(
                f"  from 202 to settled at 100/s: median {middle:.2f} s, p95 {late:.2f} s, most {found[-1]:.2f} s",
                flush=True,
            )
        if "squad" in wanted:
            submits.beside_squad(secret, FOLDER, given.rounds, given.seconds)
        for name, number in (("drain", given.drain), ("memory", given.memory)):
            if name in wanted and number:
                seconds, samples = drains.drain(number, machine)
                print(f"  drained {number} in {seconds:.1f} s by 2 processes: {number / seconds:.0f}/s")
                for one in samples:
                    print(
                        "  resident MiB, first, every tenth, last:",
                        *[kib // 1024 for kib in [*one[:1], *one[1:-1:10], *one[-1:]]],
                    )
    finally:
        print("load after:", " ".join(f"{one:.1f}" for one in os.getloadavg()))
        stop()


if __name__ == "__main__":
    main()
