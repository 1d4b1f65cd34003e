"""`probe.pyz monitor`: says what happens, as it happens, and reports it; at the end, what watching cost."""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import time
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List

from diagnosis.formats.monitor import COUNTER, MAX_EVENTS
from diagnosis.words import vocabulary
from probes.inspect import monitor
from probes.sending import report

# What belongs together, such as the lines of a page dump, comes within moments; one report says it all.
_GATHER_SECONDS = 60.0


def add(acts: Any, add_sending: Callable[[argparse.ArgumentParser], None], send: Callable[..., int]) -> None:
    """`send(options, bodies)` prepares what --submit and --spool ask for, and gives back what keeps one report."""
    act = acts.add_parser("monitor", help="watch counters, log and sleepers; read-only")
    act.set_defaults(act=lambda options: run(options, send))
    act.add_argument("--every", type=_seconds, default=10.0, metavar="SECONDS", help="how often (default 10)")
    act.add_argument("--for", dest="seconds", type=_seconds, default=0.0, metavar="SECONDS", help="how long")
    act.add_argument("--json", action="store_true", help="one JSON object a line")
    act.add_argument("--environment", choices=sorted(vocabulary.ENVIRONMENTS), default="host")
    add_sending(act)


class Gathered:
    """Events that wait to be reported together."""

    def __init__(self, environment: str, keep: Callable[[bytes], None]) -> None:
        self.environment, self.keep = environment, keep
        self.began = datetime.now(timezone.utc)
        self.waiting: List[monitor.Event] = []

    def add(self, event: monitor.Event) -> None:
        self.waiting.append(event)

    def report(self, now: bool = False) -> None:
        """Where something tells of a case: a counter goes with it, and is no report of its own."""
        if not self.waiting or not (now or time.time() - self.waiting[0].at > _GATHER_SECONDS):
            return
        events, self.waiting = self.waiting[:MAX_EVENTS], self.waiting[MAX_EVENTS:]
        if all(event.kind == COUNTER for event in events):
            return
        seconds = (datetime.now(timezone.utc) - self.began).total_seconds()
        told = [as_sent(event) for event in events]
        made = report.of_watching(told, self.environment, self.began, seconds, time.process_time())
        self.keep(report.encode(made))


def as_sent(event: monitor.Event) -> Dict[str, Any]:
    made: Dict[str, Any] = {
        "at": report.utc(datetime.fromtimestamp(event.at, timezone.utc)),
        "kind": event.kind,
        "what": event.what[:1_000],
    }
    if event.kind == COUNTER:
        made["rise"] = event.rise
    if event.stack:
        made.update(pid=event.pid, stack=[frame[:200] for frame in event.stack])
    return made


def run(options: argparse.Namespace, send: Callable[..., Any]) -> int:
    keep = send(options)
    if isinstance(keep, int):
        return keep
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was gathered is reported
    tell = _as_json if options.json else _as_text
    gathered = Gathered(options.environment, keep) if keep is not None else None

    def told(event: monitor.Event) -> None:
        tell(event)
        if gathered is not None:
            gathered.add(event)

    share = monitor.watch(
        monitor.Monitor(), options.every, options.seconds, told, gathered.report if gathered is not None else None
    )
    if gathered is not None:
        while gathered.waiting:
            gathered.report(now=True)
    print("watching took %.2f %% of one CPU, %.1f CPU seconds an hour" % (100 * share, 3600 * share), file=sys.stderr)
    return 0


def _as_json(event: monitor.Event) -> None:
    print(json.dumps(dataclasses.asdict(event)), flush=True)


def _as_text(event: monitor.Event) -> None:
    when = time.strftime("%H:%M:%S", time.localtime(event.at))
    rise = " +%d" % event.rise if event.kind == COUNTER else ""
    print("%s %-7s %s%s" % (when, event.kind, event.what, rise), flush=True)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 1e7:
        raise argparse.ArgumentTypeError("0.1 seconds and more")
    return seconds
