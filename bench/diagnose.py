"""How fast a log is read: a realistic one (one line in a hundred matters) and one that is dense with page dumps.

    make bench-diagnose                       and SQUAD's log parser on the same files beside it
    make bench-diagnose BENCH="--beside TREE"  and another checkout of this project, in turn with this one
    python -m bench.diagnose [--squad PYTHON] [--mib N] [--rounds N] [--beside TREE]

SQUAD runs under an interpreter of its own (`--squad`), since it brings a Django of its own. MB are 10**6 bytes; each
figure is the best of the rounds, and the CPU time of one process. With `--beside`, each round is one process of either
tree, and it ends with 1 where this one is slower than 0.9 of the other.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from diagnosis.diagnose import diagnose
from diagnosis.matching import known

ROOT = Path(__file__).resolve().parent.parent
CAPTURE = ROOT / "tests" / "diagnosis" / "captures" / "vmsplice-offline-7.3.4+deb13.txt"
# What a log is made of otherwise. Numbers are drawn anew in each line.
ORDINARY = (
    "usb 1-{0}: new high-speed USB device number {1} using xhci_hcd",
    "e1000e 0000:00:1f.{0} eth0: NIC Link is Up {1} Mbps Full Duplex, Flow Control: Rx/Tx",
    'audit: type=1400 audit(16{1}.{0}:{1}): apparmor="STATUS" operation="profile_load" name="snap.{1}"',
    "ACPI: \\_SB_.PCI0.LPCB.EC0_: event {0} handled",
    "systemd[1]: Started session-{1}.scope - Session {1} of User root.",
    "EXT4-fs (sda{0}): mounted filesystem with ordered data mode. Quota mode: none.",
    "IPv6: ADDRCONF(NETDEV_CHANGE): veth{1}: link becomes ready",
    "device veth{1} entered promiscuous mode",
    "nvme nvme{0}: {1}/0/0 default/read/poll queues",
    "perf: interrupt took too long ({1} > {0}), lowering kernel.perf_event_max_sample_rate to {1}",
    "docker0: port {0}(veth{1}) entered forwarding state",
    "TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:{1}. Sending cookies.",
)
_SQUAD = """
import json, re, sys, time
from django.conf import settings
settings.configure()
from squad.plugins.linux_log_parser import Plugin, REGEXES
plugin = Plugin()
cut = getattr(plugin, "_Plugin__cutoff_boot_log")
kernel = getattr(plugin, "_Plugin__kernel_msgs_only")
def run(text):
    found = 0
    for part in cut(text):
        matches = plugin.compile_regexes(REGEXES).findall(kernel(part))
        found += sum(len(one) for one in plugin.join_matches(matches, REGEXES).values())
    return found
took, found = [], 0
for path in sys.argv[2:]:
    text = open(path).read()
    rounds = []
    for _ in range(int(sys.argv[1])):
        began = time.process_time()
        found = run(text)
        rounds.append(time.process_time() - began)
    took.append([min(rounds), found])
print(json.dumps(took))
"""

# In the words of either tree: what was moved since stands second.
_OURS = """
import json, sys, time
from diagnosis.diagnose import diagnose
try:
    from diagnosis.matching import known
except ImportError:
    from diagnosis import known
signatures = known.signatures()
took = []
for path in sys.argv[1:]:
    text = open(path).read()
    began = time.process_time()
    records = len(diagnose(text, signatures).records)
    took.append([time.process_time() - began, records])
print(json.dumps(took))
"""
BAR = 0.9  # of the other tree's speed


def log(nr_bytes: int, share: float, seed: int = 1) -> str:
    """A log of that size, in which this share of the lines comes from page dumps."""
    chance = random.Random(seed)  # noqa: S311 - the same log each time
    dump = CAPTURE.read_text().splitlines()
    lines: list[str] = []
    size, at = 0, 0
    while size < nr_bytes:
        block = dump if chance.random() < share / len(dump) / (1 - share + share / len(dump)) else [""]
        for text in block:
            text = text or chance.choice(ORDINARY).format(chance.randrange(8), chance.randrange(10_000))
            at += chance.randrange(1_000, 40_000)
            lines.append(f"[{at // 1_000_000:5}.{at % 1_000_000:06}] {text}")
            size += len(lines[-1]) + 1
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--squad", metavar="PYTHON", help="an interpreter that has the package squad")
    parser.add_argument("--mib", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beside", type=Path, metavar="TREE", help="another checkout of this project")
    options = parser.parse_args()
    signatures = known.signatures()
    logs = {"realistic": log(int(options.mib * 2**20), 0.01), "dense": log(int(options.mib * 2**20), 1 - 1e-9)}
    ours = {name: _ours(text, signatures, options.rounds) for name, text in logs.items()}
    squad = _squads(options.squad, logs, options.rounds) if options.squad else {}
    print(f"{'log':10} {'MB':>8} {'lines':>9} {'diagnose':>12} {'records':>12} {'SQUAD':>14}")
    for name, text in logs.items():
        seconds, records = ours[name]
        theirs = f"{len(text) / 1e6 / squad[name]:.1f} MB/s" if name in squad else "not run"
        rate = f"{len(text) / 1e6 / seconds:.1f} MB/s"
        print(f"{name:10} {len(text) / 1e6:8.1f} {text.count(chr(10)):9} {rate:>12} {records:12} {theirs:>14}")
    megabyte = log(1_000_000, 0.01)
    milliseconds = 1000 * _ours(megabyte, signatures, options.rounds)[0]
    print(f"1 MB, realistic, in one call: {milliseconds:.0f} ms")
    return _beside(options.beside, logs, options.rounds) if options.beside else 0


def _ours(text: str, signatures: object, rounds: int) -> tuple[float, int]:
    took, records = [], 0
    for _ in range(rounds):
        began = time.process_time()
        records = len(diagnose(text, signatures).records)  # type: ignore[arg-type]
        took.append(time.process_time() - began)
    return min(took), records


def _beside(tree: Path, logs: dict[str, str], rounds: int) -> int:
    """Round by round, the trees take turns at going first."""
    trees = {"other": tree.resolve(), "this": ROOT}
    best: dict[str, list[float]] = {name: [float("inf")] * len(logs) for name in trees}
    records: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in logs]
        for path, text in zip(paths, logs.values(), strict=True):
            path.write_text(text)
        for number in range(rounds):
            for name in sorted(trees, reverse=number % 2 == 0):
                command = [sys.executable, "-c", _OURS, *map(str, paths)]
                surroundings = {**os.environ, "PYTHONPATH": str(trees[name])}
                ran = subprocess.run(command, cwd=trees[name], env=surroundings, capture_output=True, check=True)
                made = json.loads(ran.stdout)
                best[name] = [min(pair) for pair in zip(best[name], (took for took, _ in made), strict=True)]
                records[name] = [count for _, count in made]
    print(f"\nbeside {tree}, {rounds} rounds in turn, load " + " ".join(f"{one:.1f}" for one in os.getloadavg()))
    met = True
    for at, (name, text) in enumerate(logs.items()):
        rates = {which: len(text) / 1e6 / best[which][at] for which in trees}
        ratio = rates["this"] / rates["other"]
        met = met and ratio >= BAR
        told = ", ".join(f"{which} {rates[which]:.1f} MB/s ({records[which][at]} records)" for which in trees)
        print(f"{name:10} {told}, this/other {ratio:.2f}")
    print(f"bar {BAR}: {'met' if met else 'NOT met'}")
    return 0 if met else 1


def _squads(python: str, logs: dict[str, str], rounds: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, text in logs.items():
            paths.append(str(Path(folder) / name))
            Path(paths[-1]).write_text(text)
        ran = subprocess.run([python, "-c", _SQUAD, str(rounds), *paths], capture_output=True, text=True, check=False)
    if ran.returncode:
        print("SQUAD's parser did not run: " + ran.stderr.strip().splitlines()[-1])
        return {}
    return {name: seconds for name, (seconds, _) in zip(logs, json.loads(ran.stdout), strict=True)}


if __name__ == "__main__":
    sys.exit(main())
