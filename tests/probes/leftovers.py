"""What a probe could leave on a machine, and its processes. Needs nothing but Python: guests run it as a program, too.

As a program, `leftovers.py CASE MOVER STATE`: start a run, kill it with SIGKILL in the middle of its hold, once its
mover is in that state, and print one line that begins with `kept ` or `left `, with what was there before and after.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

NAMES = {"unmig-run", "unmig-move", "unmig-fuse", "unmig-9p", "unmig-watch", "unmig-huge"}
HUGE_PAGES = ("nr_hugepages", "nr_overcommit_hugepages")
HELD = "control pages beside"  # what the probe says when the hold has begun and the mover is asked
GONE_SECONDS = 6.0
_EMULATED_GONE_SECONDS = 60.0
ASLEEP, ANY = "D", "any"  # states of a mover: asleep for the hold, or whatever it is at


def processes_below(pid: int) -> dict[str, int]:
    """The probe's processes by name, found from the command line's pid down."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                head, _, tail = Path("/proc", entry, "stat").read_text().rpartition(")")
            except OSError:
                continue
            parents[int(entry)], names[int(entry)] = int(tail.split()[1]), head.partition("(")[2]
    below: set[int] = {pid}
    for _ in range(4):
        below |= {child for child, parent in parents.items() if parent in below}
    return {names[found]: found for found in below if names.get(found) in NAMES}


def state_of(pid: int) -> str:
    """One letter; empty where the process is gone. A zombie is as good as gone: init will see to it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
    return "" if state in "ZX" else state


def connections() -> set[str]:
    """The FUSE connections, seen from a mount namespace in which fusectl is mounted."""
    script = "mount -t fusectl none /sys/fs/fuse/connections 2>/dev/null; ls /sys/fs/fuse/connections"
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=20)
    return set(done.stdout.split())


def on_the_machine() -> dict[str, object]:
    """By name: what must be the same before and after."""
    alive = {int(entry) for entry in os.listdir("/proc") if entry.isdigit() and state_of(int(entry))}
    comms = {pid: read(Path(f"/proc/{pid}/comm")) for pid in alive}
    return {
        "loop": sorted(read(path) for path in Path("/sys/block").glob("loop*/loop/backing_file")),
        "nbd": sorted(str(path) for path in Path("/sys/block").glob("nbd*/pid")),
        "mounts": Path("/proc/self/mountinfo").read_text().count("\n"),
        "huge": re.findall(r"HugePages_(?:Total|Surp):\s+(\d+)", Path("/proc/meminfo").read_text()),
        "fuse": sorted(connections()),
        "running": sorted(name for name in comms.values() if name.startswith("unmig-")),
        "settings": [read(Path("/proc/sys/vm", name)) for name in ("compact_unevictable_allowed", *HUGE_PAGES)],
    }


def read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def main(case: str, mover: str, state: str) -> int:
    before = on_the_machine()
    command = [sys.executable, "/lab/probe.pyz", "run", case, "--mover", mover, "--hold", "30"]
    command += ["--environment", "guest", "--scratch", "128"]
    cli = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert cli.stdout is not None
    told = []
    for line in cli.stdout:
        told.append(line)
        if HELD in line:
            break
    below = processes_below(cli.pid)
    wait(lambda: state in (ANY, state_of(below.get("unmig-move", 0))))
    states = {name: state_of(pid) for name, pid in below.items()}
    if not states.get("unmig-run") or state not in (ANY, states.get("unmig-move")):
        print("left nothing to kill: " + "".join(told[-4:]).replace("\n", " / "), flush=True)
        return 1
    os.kill(below["unmig-run"], signal.SIGKILL)
    killed = time.monotonic()
    cli.wait(_EMULATED_GONE_SECONDS)
    same = wait(lambda: not any(state_of(pid) for pid in below.values()) and on_the_machine() == before)
    facts = {"case": case, "mover": mover, "states": states, "seconds": round(time.monotonic() - killed, 1)}
    facts["blocks"] = sorted({read(path) for path in Path("/sys/devices/system/memory").glob("memory*/state")})
    print(
        ("kept " if same else "left "), json.dumps({**facts, "before": before, "after": on_the_machine()}), flush=True
    )
    return 0 if same else 1


def wait(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + _EMULATED_GONE_SECONDS
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return False


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
