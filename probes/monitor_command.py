"""`probe.pyz monitor`: says what happens, as it happens; at the end, what watching cost."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from typing import Any

from probes import monitor


def add(acts: Any) -> None:
    act = acts.add_parser("monitor", help="watch counters, log and sleepers; read-only")
    act.set_defaults(act=run)
    act.add_argument("--every", type=_seconds, default=10.0, metavar="SECONDS", help="how often (default 10)")
    act.add_argument("--for", dest="seconds", type=_seconds, default=0.0, metavar="SECONDS", help="how long")
    act.add_argument("--json", action="store_true", help="one JSON object a line")


def run(options: argparse.Namespace) -> int:
    tell = _as_json if options.json else _as_text
    share = monitor.watch(monitor.Monitor(), options.every, options.seconds, tell)
    print("watching took %.2f %% of one CPU" % (100 * share), file=sys.stderr)
    return 0


def _as_json(event: monitor.Event) -> None:
    print(json.dumps(dataclasses.asdict(event)), flush=True)


def _as_text(event: monitor.Event) -> None:
    when = time.strftime("%H:%M:%S", time.localtime(event.at))
    rise = " +%d" % event.rise if event.kind == "counter" else ""
    print("%s %-7s %s%s" % (when, event.kind, event.what, rise), flush=True)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 1e7:
        raise argparse.ArgumentTypeError("0.1 seconds and more")
    return seconds
