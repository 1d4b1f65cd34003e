"""Each run is a process of its own, which the command line watches with a deadline.

So a run may be pinned, leave the mount namespace, block or be killed, and nothing of it stays.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from datetime import datetime, timezone
from types import FrameType
from typing import Any, Dict, Optional

from diagnosis.words import vocabulary
from probes.children.processes import Child, Lines, start
from probes.errors import CannotRun, ProbeError
from probes.kernel import kmsg
from probes.movers import choice
from probes.run import runner
from probes.run.experiment import Case
from probes.run.runner import Say, Settings

_BESIDES_THE_HOLD_SECONDS = 240.0  # staging memory took 111 s in a guest on a host with seven times its work
_CLEAN_UP_SECONDS = 10.0


class _Ended(BaseException):
    """A signal asked the run to end; not an Exception, so that only clean-up sees it."""


def run(case: Case, settings: Settings, say: Say) -> Dict[str, Any]:
    """The finished run for the envelope, whatever happened: `skipped` and `error` carry their reason."""
    began = datetime.now(timezone.utc)
    log = kmsg.Tail() if settings.guest else None  # a machine in use says things there that are nobody's business
    result = _in_a_process(case, settings, say)
    if log is not None:
        result = {**result, **log.close()}
    return _signed(case, settings, began, result)


def skipped(case: Case, settings: Settings, reason: str) -> Dict[str, Any]:
    return _signed(case, settings, datetime.now(timezone.utc), without_numbers("skipped", reason))


def _signed(case: Case, settings: Settings, began: datetime, result: Dict[str, Any]) -> Dict[str, Any]:
    return {
        "case": case.slug,
        "mover": settings.mover,
        **(
            {"migrate_mode": vocabulary.MOVER_MODES[settings.mover]} if settings.mover in vocabulary.MOVER_MODES else {}
        ),
        "holder": settings.holder,
        "started_at": began.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **result,
    }


def without_numbers(outcome: str, reason: str) -> Dict[str, Any]:
    """What a run says that measured nothing: no area, no numbers, only why."""
    return {"outcome": outcome, "reason": reason[:2000]}


def _in_a_process(case: Case, settings: Settings, say: Say) -> Dict[str, Any]:
    reading, writing = os.pipe()
    child = start("unmig-run", lambda: _run(case, settings, Lines(writing)), [writing])
    os.close(writing)
    patience = 0.0  # an interrupt is passed on at once
    try:
        result = _follow(Lines(reading), settings.hold_seconds + _BESIDES_THE_HOLD_SECONDS, say)
        patience = 2.0
    finally:
        ended = _end(child, patience)
        os.close(reading)
    if result is None:
        result = without_numbers("error", "the run's process ended before it had a result (%s)" % child.how_it_ended())
    if not ended:
        say("process %d of the run is still there: %s" % (child.pid, child.how_it_ended()))
    return result


def _follow(lines: Lines, seconds: float, say: Say) -> Optional[Dict[str, Any]]:
    end = time.monotonic() + seconds
    result: Optional[Dict[str, Any]] = None
    while result is None and not lines.closed and time.monotonic() < end:
        for message in lines.receive(0.2):
            if "say" in message:
                say(message["say"])
            result = message.get("result", result)
    if result is None and not lines.closed:
        return without_numbers("error", "the run had no result after %g s" % seconds)
    return result


def _end(child: Child, patience_seconds: float) -> bool:
    """First a word, so that the run cleans up itself; then SIGKILL, and the watcher does it."""
    if child.wait(patience_seconds):
        return True
    os.kill(child.pid, signal.SIGTERM)
    return child.wait(_CLEAN_UP_SECONDS) or child.end()


def _run(case: Case, settings: Settings, lines: Lines) -> None:
    signal.signal(signal.SIGTERM, _end_once)
    try:
        result = runner.run(case, settings, lambda text: lines.send({"say": text}))
    except CannotRun as error:
        result = without_numbers("skipped", str(error))
    except (ProbeError, OSError) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        result = without_numbers("error", "%s (%s:%s)" % (error, os.path.basename(where.filename), where.lineno))
    except _Ended:
        result = without_numbers("error", "ended by a signal")
    lines.send({"result": result})


def _end_once(number: int, frame: Optional[FrameType]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # clean-up is not interrupted
    raise _Ended


def choose_mover(case: Case, wanted: Optional[str]) -> str:
    return choice.choose(wanted, case.movers)
