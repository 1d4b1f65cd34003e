"""The command line of probe.pyz: list, check, run, inspect, diagnose, monitor, lab, submit."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import traceback
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any, Dict, List, Optional, Sequence

from diagnosis.words import vocabulary
from probes.archive import version
from probes.cases import CASES
from probes.command import check, diagnose_log, lab, monitor, screen
from probes.command.exit_codes import INTERRUPTED, NOTHING_SAID, USAGE, Parser, exit_code
from probes.errors import CannotRun, NotSent
from probes.inspect import command as inspect
from probes.movers import arena, choice
from probes.run import isolate, lock
from probes.run.experiment import Case
from probes.run.runner import Say, Settings
from probes.sending import ktap, post, report, secret
from probes.sending.send import Sender
from probes.sending.spool import Spool, default_folder

_DEFAULT_HOLD_SECONDS = 5.0
_LOCK_SECONDS = 120.0
_EXIT_CODES = """exit codes of run, fit for `git bisect run`: 0 the pages move (or leave first, or never were there);
1 they are held (refuses, hangs); 125 inconclusive, skipped or error, the probe's own too; 129 usage; 130 interrupted"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    options = _parser().parse_args(arguments)
    if getattr(options, "token", None):
        _hide(options.token)
    try:
        code: int = options.act(options)
        return code
    except KeyboardInterrupt:
        _note("interrupted; what was held has been released")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else the interpreter complains when it flushes stdout
        return NOTHING_SAID
    except Exception:  # Python would end with 1, which is the word for pages that are held
        traceback.print_exc()
        return NOTHING_SAID


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = Parser(
        prog="probe.pyz", description="Make the known cases happen, and measure them."
    )
    parser.add_argument("--version", action="version", version=version.identity()["version"])
    acts = parser.add_subparsers(metavar="COMMAND", required=True)
    acts.add_parser("list", help="the cases").set_defaults(act=list_cases)
    acts.add_parser("check", help="what can run here, and why not").set_defaults(act=check_machine)
    run = acts.add_parser(
        "run", help="run cases", epilog=_EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    run.set_defaults(act=run_cases)
    run.add_argument("cases", nargs="*", metavar="CASE", type=_case, help="one or more of " + ", ".join(sorted(CASES)))
    run.add_argument("--all", action="store_true", help="every case")
    run.add_argument(
        "--on-this-host", action="store_true", help="allow cases that can make others sleep in D for a while"
    )
    run.add_argument("--mover", choices=choice.NAMES, help="default: move_pages on two nodes and more")
    run.add_argument(
        "--hold",
        type=_hold,
        default=_DEFAULT_HOLD_SECONDS,
        metavar="SECONDS",
        help="at most 15, in a guest 30 (default 5)",
    )
    run.add_argument(
        "--spread", action="store_true", help="one held page a pageblock, to see how much that denies (compaction only)"
    )
    run.add_argument(
        "--holder",
        choices=sorted(vocabulary.HOLDERS),
        default="privileged",
        help="unprivileged: what holds gives up root first, as a plain uid; not with offline, soft_offline, cma",
    )
    run.add_argument(
        "--even-refused",
        action="store_true",
        help="where this user is refused the means of the hold, have the pages moved without it, and say so",
    )
    run.add_argument("--repeat", type=_count, default=1, metavar="N")
    run.add_argument(
        "--label", default="", metavar="L", help="tells builds of one release apart, such as `base` or `patched`"
    )
    run.add_argument(
        "--environment", choices=sorted(vocabulary.ENVIRONMENTS), default="host", help="guest: a throw-away one"
    )
    run.add_argument(
        "--scratch", type=_scratch, default=arena.MOST_BYTES, metavar="MIB", help="for compaction (default 512)"
    )
    run.add_argument("--json", action="store_true", help="print the report, and nothing else, on stdout")
    run.add_argument("--ktap", action="store_true", help="print the outcomes as KTAP, and nothing else, on stdout")
    _add_sending(run)
    inspect.add(acts, _tell)
    diagnose_log.add(acts, _tell)
    monitor.add(acts, _add_sending, _keeping)
    lab.add(acts, _tell)
    submit = acts.add_parser("submit", help="send what waits in the spool")
    submit.set_defaults(act=submit_spool)
    _add_sending(submit)
    return parser


def _add_sending(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--submit", metavar="URL", help="the dashboard's address (or $UNMIGRATABLE_URL for `submit`)")
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--token-file", metavar="F", help="the machine's token; else $%s" % secret.VARIABLE)
    token.add_argument("--token", metavar="T", help="the same, seen on the process list")
    parser.add_argument("--spool", type=Path, metavar="DIR", help="default: %s" % default_folder())
    parser.add_argument("--dry-run", action="store_true", help="print what would go, send and keep nothing")
    parser.add_argument("--insecure", action="store_true", help="allow plain http to another machine")


def _case(text: str) -> str:
    if text not in CASES:
        raise argparse.ArgumentTypeError("no such case: %s (there are %s)" % (text, ", ".join(sorted(CASES))))
    return text


def _hold(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= check.MOST_HOLD_SECONDS_IN_A_GUEST:
        raise argparse.ArgumentTypeError("more than 0 and at most %g seconds" % check.MOST_HOLD_SECONDS_IN_A_GUEST)
    return seconds


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 100:
        raise argparse.ArgumentTypeError("1 to 100")
    return number


def _scratch(text: str) -> int:
    size = int(text) << 20
    if not arena.LEAST_BYTES <= size <= arena.MOST_BYTES:
        raise argparse.ArgumentTypeError("%d to %d MiB" % (arena.LEAST_BYTES >> 20, arena.MOST_BYTES >> 20))
    return size


def list_cases(options: argparse.Namespace) -> int:
    for case in CASES.values():
        print(screen.case_line(case))
    return 0


def check_machine(options: argparse.Namespace) -> int:
    machine = check.look()
    print("\n".join(screen.machine_lines(machine)))
    for case in CASES.values():
        found = check.obstacles(case, machine, _DEFAULT_HOLD_SECONDS)
        allowed = "can run" if case.safe_on_a_host else "can run, with --on-this-host or --environment guest"
        print("%-26s %s" % (case.slug, "cannot run: " + "; ".join(found) if found else allowed))
    return 0


def run_cases(options: argparse.Namespace) -> int:
    began = datetime.now(timezone.utc)
    say = _note if options.json or options.ktap or options.dry_run else _tell
    cases = list(CASES) if options.all else list(dict.fromkeys(options.cases))
    if not cases:
        _note("which case? Name one or more, or --all")
        return USAGE
    if options.hold > check.most_hold_seconds(options.environment):
        _note("--hold: on a machine in use at most %g seconds" % check.MOST_HOLD_SECONDS)
        return USAGE
    sender = None
    if options.submit and not options.dry_run:
        sender = _sender(options, options.submit)  # before anything is held
        if sender is None:
            return USAGE
    signal.signal(signal.SIGTERM, _interrupt)
    runs: List[Dict[str, Any]] = []
    for slug in cases:
        runs += _repeat(CASES[slug], options, say)
    for line in screen.summary_lines(runs):
        say(line)
    made = report.make(runs, options.environment, options.label, began)
    if options.ktap:
        for line in ktap.lines(runs):
            print(line)
    if options.json and not options.dry_run:  # which shows the same, as it would go
        print(json.dumps(made, indent=1, sort_keys=True))
    if options.dry_run:
        _show(report.encode(made), options.submit)
    elif sender is not None or options.spool:
        spool = Spool(options.spool or default_folder())
        if post.keep(spool, report.encode(made), say) and sender is not None:
            post.send_waiting(spool, sender, say)
    return exit_code([run["outcome"] for run in runs])


def _repeat(case: Case, options: argparse.Namespace, say: Say) -> List[Dict[str, Any]]:
    """All runs of one case. What cannot run here is said once, as one run that was skipped."""
    try:
        mover = isolate.choose_mover(case, options.mover)
    except CannotRun:
        mover = options.mover
    hold = check.effective_hold(case, options.hold, options.environment)
    settings = Settings(mover, hold, options.scratch, options.holder, options.environment == "guest", options.spread)
    settings = replace(settings, even_refused=options.even_refused)
    for line in screen.plan_lines(case, mover, hold, options.repeat):
        say(line)
    found = check.obstacles(
        case, check.look(), hold, options.mover, options.environment, options.holder, options.even_refused
    )
    if not case.safe_on_a_host and not options.on_this_host and options.environment != "guest":
        found.append("it can make others sleep in D: run it in a guest, or allow it with --on-this-host")
    runs = []
    for number in range(1, 1 + (1 if found else options.repeat)):
        if options.repeat > 1 and not found:
            say("run %d of %d" % (number, options.repeat))
        made = isolate.skipped(case, settings, "; ".join(found)) if found else _alone(case, settings, say)
        runs.append(made)
        for line in screen.result_lines(made):
            say(line)
    return runs


def _alone(case: Case, settings: Settings, say: Say) -> Dict[str, Any]:
    try:
        held = lock.only_one(_LOCK_SECONDS, say)
    except CannotRun as error:
        return isolate.skipped(case, settings, str(error))
    try:
        return isolate.run(case, settings, lambda text: say("  .. " + text))
    finally:
        held.close()


def submit_spool(options: argparse.Namespace) -> int:
    spool = Spool(options.spool or default_folder())
    url = options.submit or os.environ.get(post.URL_VARIABLE, "")
    if options.dry_run:
        for path in spool.waiting():
            _show(path.read_bytes(), url)
        return 0
    if not url:
        _note("where to? --submit URL, or $%s" % post.URL_VARIABLE)
        return USAGE
    sender = _sender(options, url)
    if sender is None:
        return USAGE
    if not spool.waiting():
        _tell("nothing waits in %s" % spool.folder)
    return 0 if post.send_waiting(spool, sender, _tell) else 1


def _keeping(options: argparse.Namespace) -> Any:
    """What is to be done with each report of a watch: None for nothing; an exit code where it cannot be done."""
    if options.dry_run:
        return lambda body: _show(body, options.submit)
    if not options.submit and not options.spool:
        return None
    sender = _sender(options, options.submit) if options.submit else None
    if options.submit and sender is None:
        return USAGE
    spool = Spool(options.spool or default_folder())

    def keep(body: bytes) -> None:
        if post.keep(spool, body, _note) and sender is not None:
            post.send_waiting(spool, sender, _note)

    return keep


def _sender(options: argparse.Namespace, url: str) -> Optional[Sender]:
    try:
        return post.sender(url, options.token, options.token_file, options.insecure, _note)
    except (NotSent, OSError) as error:
        _note(str(error))
        return None


def _show(body: bytes, url: Optional[str]) -> None:
    _note("would go%s, gzipped, with the token in a header:" % (" to " + url if url else ""))
    sys.stdout.flush()
    sys.stdout.buffer.write(body + b"\n")
    sys.stdout.buffer.flush()


def _hide(token: str) -> None:
    _note("warning: --token is seen on the process list; --token-file or $%s is not" % secret.VARIABLE)
    secret.wipe_from_arguments(token)


def _interrupt(number: int, frame: Optional[FrameType]) -> None:
    raise KeyboardInterrupt


def _tell(text: str) -> None:
    print(text, flush=True)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
