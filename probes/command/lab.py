"""`probe.pyz lab`: its arguments, and what they mean."""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
from pathlib import Path
from types import FrameType
from typing import Callable, List, Optional

from diagnosis.formats import envelope
from diagnosis.words import vocabulary
from probes.cases import CASES
from probes.command import check, trial
from probes.command.exit_codes import HELD, MOVES, USAGE, exit_code
from probes.errors import CannotRun
from probes.lab.outbox import Address
from probes.lab.session import Session, Wishes
from probes.movers import choice

_BUILT = "arch/x86/boot/bzImage"
_EPILOG = """a KERNEL is
  bookworm-backports                            the newest kernel of a Debian suite
  bookworm/linux-image-6.1.0-50-amd64           one package of a suite
  a.deb[,b.deb]                                 packages on this machine
  arch/x86/boot/bzImage[:MODULES]               one that was just built, with its /lib/modules/RELEASE
exit codes: 0 everything asked for has a result; 1 something is left to be done (run it again); 129 usage
with --bisect: 0 the pages move; 1 they are held; 125 no verdict, no kernel, or one that does not boot; 129 usage"""


def add(acts: "argparse._SubParsersAction[argparse.ArgumentParser]", say: Callable[[str], None]) -> None:
    lab = acts.add_parser(
        "lab",
        help="measure on kernels of your choice, in throw-away guests",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    lab.set_defaults(act=lambda options: run(options, say, lab))
    lab.add_argument("kernels", nargs="*", metavar="KERNEL")
    lab.add_argument(
        "--bisect",
        choices=sorted(CASES),
        metavar="CASE",
        help="boot one KERNEL (default %s), measure this case, and exit by the outcome: for `git bisect run`" % _BUILT,
    )
    lab.add_argument("--cases", nargs="+", choices=sorted(CASES), metavar="CASE", help="default: all")
    lab.add_argument("--movers", nargs="+", choices=choice.NAMES, metavar="MOVER", help="default: all")
    lab.add_argument("--spread", action="store_true", help="one held page a pageblock, by compaction: what that denies")
    lab.add_argument("--repeat", type=_count, metavar="N", help="default 1")
    lab.add_argument(
        "--each-boots", action="store_true", help="a boot for each of the N runs, so that they are independent"
    )
    lab.add_argument(
        "--holder", choices=sorted(vocabulary.HOLDERS), default="privileged", help="unprivileged: a plain uid holds"
    )
    lab.add_argument("--hold", type=_hold, default=5.0, metavar="SECONDS", help="at most 60 (default 5)")
    lab.add_argument("--label", default="", metavar="L", help='tells builds apart, such as "fix v3"')
    lab.add_argument("--work", type=Path, default=_default_work(), metavar="DIR", help="packages and consoles")
    lab.add_argument("--out", type=Path, metavar="DIR", help="reports, one file each (default: WORK/reports)")
    lab.add_argument("--accel", choices=("tcg", "kvm"), default="tcg", help="kvm where it works (default tcg)")
    lab.add_argument("--submit", metavar="URL", help="send each report as soon as it is there")
    lab.add_argument(
        "--token-file",
        metavar="F",
        help="a token, or a folder with one a guest, by its name; else from the environment",
    )
    lab.add_argument("--insecure", action="store_true", help="allow plain http to another machine")
    trial.add(lab)


def _default_work() -> Path:
    state = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(state) / "unmigratable-lab"


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 100:
        raise argparse.ArgumentTypeError("1 to 100")
    return number


def _hold(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= check.MOST_HOLD_SECONDS_IN_A_GUEST:
        raise argparse.ArgumentTypeError("1 to %g seconds" % check.MOST_HOLD_SECONDS_IN_A_GUEST)
    return seconds


def run(options: argparse.Namespace, say: Callable[[str], None], parser: argparse.ArgumentParser) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    if options.bisect:
        if len(options.kernels) > 1 or options.cases or options.out:
            parser.error("--bisect CASE takes one KERNEL at the most, and neither --cases nor --out")
        return _bisect(options, say)
    out = options.out or options.work / "reports"
    if trial.is_asked_for(options):
        trial.check(options, parser)
        wishes = _wishes(options, options.kernels, _cases(options.cases), out)
        return _told(say, lambda: trial.run(options, wishes, say))
    if not options.kernels:
        parser.error("which KERNEL?")
    return _sitting(options, say, options.kernels, _cases(options.cases), out)


def _bisect(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Measured anew each time: two commits of one bisection have the same release, so what was kept of the one would
    answer for the other. A kernel that is missing or never comes up says nothing."""
    options.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bisect-", dir=str(options.work)) as folder:
        code = _sitting(options, say, options.kernels or [_BUILT], [options.bisect], Path(folder))
        if code == USAGE:
            return code
        found = sorted(Path(folder).glob("guest-*/*.json"))
        code = exit_code([run.outcome for path in found for run in envelope.read(path.read_bytes()).runs])
    say("bisect: %s" % {MOVES: "good, the pages move", HELD: "bad, they are held"}.get(code, "no verdict"))
    return code


def _sitting(
    options: argparse.Namespace, say: Callable[[str], None], kernels: List[str], cases: List[str], out: Path
) -> int:
    wishes = _wishes(options, kernels, cases, out)

    def sit() -> int:
        if wishes.address is not None and not os.path.isdir(options.token_file or ""):
            wishes.address.sender("", say)  # one token for all: a bad one is said before anything is fetched
        return Session(wishes, say).run()

    return _told(say, sit)


def _told(say: Callable[[str], None], act: Callable[[], int]) -> int:
    try:
        return act()
    except CannotRun as error:
        say(str(error))
        return USAGE


def _wishes(options: argparse.Namespace, kernels: List[str], cases: List[str], out: Path) -> Wishes:
    return Wishes(
        kernels=kernels,
        cases=cases,
        movers=options.movers,
        repeat=options.repeat or 1,
        hold_seconds=options.hold,
        label=options.label,
        accelerator=options.accel,
        work=options.work,
        out=out,
        spread=options.spread,
        holder=options.holder,
        each_boots=options.each_boots,
        address=Address(options.submit, options.token_file, options.insecure) if options.submit else None,
    )


def _cases(wanted: Optional[List[str]]) -> List[str]:
    return list(dict.fromkeys(wanted)) if wanted else list(CASES)


def _interrupt(number: int, frame: Optional[FrameType]) -> None:
    raise KeyboardInterrupt
