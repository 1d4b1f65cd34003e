"""`make cluster`: starts the site on several hosts of this machine, sends some reports, says where all is, and ends.

    python -m bench.cluster [--stay] [--attack] [--soak MINUTES] [--faults NAME[=SECONDS] …] [--broker redis]

`--stay` stays until Ctrl-C. The others are `make attack`, `make soak` and `make faults` one after the other on one
cluster, which takes minutes to start where the machine is slow.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

from bench.cluster import attack, faults, soak
from bench.cluster.load import Load
from bench.cluster.site import BROKERS, NAME, Given, cluster


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stay", action="store_true")
    parser.add_argument("--attack", action="store_true")
    parser.add_argument("--soak", type=float, metavar="MINUTES", default=0.0)
    parser.add_argument("--faults", nargs="+", metavar="NAME", type=faults.known, default=[])
    parser.add_argument("--seconds", type=float, default=30.0, help="how long a fault lasts that lasts")
    parser.add_argument("--per-second", type=float, default=10.0)
    parser.add_argument("--broker", choices=BROKERS, default=BROKERS[0])
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begun = time.monotonic()
    with cluster(Given(small_disks=bool(given.faults), broker=given.broker)) as site:
        print(f"up after {time.monotonic() - begun:.0f} s: https://{site.front}/ as {NAME}; files in {site.folder}")
        for name, host in site.hosts.items():
            print(f"  {name:6} {host.address:13} {', '.join(one for one in site.kept if _is_on(one, name))}")
        load = Load(site)
        wrong = load.judged(load.run(200, 20.0))
        print("WRONG: " + ", ".join(wrong) if wrong else "200 reports through the proxy: all settled, once")
        held = not wrong
        if given.attack:
            held &= _said("attack", attack.on(load))
        if given.soak:
            held &= _said("soak", soak.on(load, given.soak, given.per_second))
        if given.faults:
            held &= _said("faults", faults.on(load, given.faults, given.seconds, given.per_second))
        try:
            while given.stay:
                time.sleep(1)
        except KeyboardInterrupt:
            pass
    return not held


def _said(what: str, held: bool) -> bool:
    print(f"load after {what}: {os.getloadavg()[0]:.1f}\n", flush=True)
    return held


def _is_on(program: str, host: str) -> bool:
    return program == host or program.endswith(f"-{host}") or {"broker": "mq", "proxy": "front"}.get(program) == host


if __name__ == "__main__":
    sys.exit(main())
