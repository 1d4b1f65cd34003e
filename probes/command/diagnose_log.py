"""`probe.pyz diagnose FILE`: the site's diagnosis of a log, a stack or a trace, on this machine."""

from __future__ import annotations

import argparse
import sys
from typing import Callable

from diagnosis.answers import plain
from diagnosis.diagnose import diagnose
from diagnosis.matching import known
from diagnosis.text.compressed import CannotUnpack, unpacked
from probes.command.exit_codes import USAGE

MAX_BYTES = 16 << 20
FOUND, NOTHING = 0, 1


def add(acts: "argparse._SubParsersAction[argparse.ArgumentParser]", say: Callable[[str], None]) -> None:
    parser = acts.add_parser(
        "diagnose",
        help="what holds the memory, from a log, a stack, a trace, or what inspect printed",
        epilog="exit codes: 0 something was found; 1 nothing in it is of a kind that is known; 129 usage",
    )
    parser.set_defaults(act=lambda options: run(options.file, say, options.kernel))
    parser.add_argument("file", metavar="FILE", help="`-` for standard input; packed by gzip, xz or bzip2 will do")
    parser.add_argument(
        "--kernel", default="", metavar="RELEASE", help="`uname -r` of the machine, if the text lacks it"
    )


def run(file: str, say: Callable[[str], None], kernel: str = "") -> int:
    try:
        if file == "-":
            given = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(file, "rb") as opened:
                given = opened.read(MAX_BYTES + 1)
    except OSError as error:
        print("%s: %s" % (file, error.strerror), file=sys.stderr)
        return USAGE
    try:
        given = unpacked(given, MAX_BYTES + 1)
    except CannotUnpack as error:
        print("%s: %s" % (file, error), file=sys.stderr)
        return USAGE
    if len(given) > MAX_BYTES:
        print("%s: only the first %d MiB are read" % (file, MAX_BYTES >> 20), file=sys.stderr)
    found = diagnose(given[:MAX_BYTES], known.signatures(), kernel)
    say(plain.shown(found).rstrip("\n"))
    return NOTHING if found.is_empty else FOUND
