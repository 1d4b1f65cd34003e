"""How a command ends. `git bisect run` reads 0 as good, 1 to 124, 126 and 127 as bad, 125 as "cannot be judged", and
stops at 128 and more: so a word that was misspelt must never end as argparse has it, with 2."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn, Sequence

from diagnosis.words import vocabulary

MOVES, HELD, NOTHING_SAID, USAGE, INTERRUPTED = 0, 1, 125, 129, 130


class Parser(argparse.ArgumentParser):
    """Sub-commands get one of this class too."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, "%s: error: %s\n" % (self.prog, message))


def exit_code(outcomes: Sequence[str]) -> int:
    """One run that was held outweighs the rest; one that moved outweighs those that say nothing."""
    if any(outcome in vocabulary.HELD for outcome in outcomes):
        return HELD
    return MOVES if any(outcome in vocabulary.CONCLUSIVE for outcome in outcomes) else NOTHING_SAID
