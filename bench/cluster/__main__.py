"""`make cluster`: starts the site on several hosts of this machine, sends some reports, says where all is, and ends.

python -m bench.cluster [--stay]     stays until Ctrl-C
"""

from __future__ import annotations

import argparse
import signal
import sys
import time

from bench.cluster.load import Load
from bench.cluster.site import NAME, cluster


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stay", action="store_true")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begun = time.monotonic()
    with cluster() as site:
        print(f"up after {time.monotonic() - begun:.0f} s: https://{site.front}/ as {NAME}; files in {site.folder}")
        for name, host in site.hosts.items():
            print(f"  {name:6} {host.address:13} {', '.join(one for one in site.kept if _is_on(one, name))}")
        load = Load(site)
        wrong = load.judged(load.run(200, 20.0))
        print("WRONG: " + ", ".join(wrong) if wrong else "200 reports through the proxy: all settled, once")
        try:
            while given.stay:
                time.sleep(1)
        except KeyboardInterrupt:
            pass
    return bool(wrong)


def _is_on(program: str, host: str) -> bool:
    return program == host or program.endswith(f"-{host}") or {"broker": "mq", "proxy": "front"}.get(program) == host


if __name__ == "__main__":
    sys.exit(main())
