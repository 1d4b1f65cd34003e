"""The command line.

python -m tools.audit tables TREE             the four tables of a tree, as they are kept in data/audit/
python -m tools.audit diff TREE|FILE TREE|FILE    what differs, lines aside
python -m tools.audit lines TREE…             where the readings of the matrix stand: writes data/waits/lines.json
python -m tools.audit states TREE…            which cases a tree has, by signs: writes data/audit/states.json
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.audit import lines, states, tables
from tools.audit.source import NoTree, Tree


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="tools.audit", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    acts = parser.add_subparsers(dest="act", required=True)
    acts.add_parser("tables").add_argument("tree", type=Path)
    compared = acts.add_parser("diff")
    compared.add_argument("before", type=Path)
    compared.add_argument("after", type=Path)
    for name in ("lines", "states"):
        acts.add_parser(name).add_argument("trees", type=Path, nargs="+")
    options = parser.parse_args(arguments)
    try:
        if options.act == "tables":
            tree = Tree(options.tree)
            sys.stdout.write(tables.written(tables.rows(tree), tree.release))
        elif options.act == "diff":
            print("\n".join(tables.difference(_rows(options.before), _rows(options.after))))
        elif options.act == "states":
            print("\n".join(states.write([Tree(path) for path in options.trees])), file=sys.stderr)
        else:
            missing = lines.write([Tree(path) for path in options.trees])
            print("\n".join(missing) or "every reading has its line", file=sys.stderr)
            return 1 if missing else 0
    except NoTree as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _rows(path: Path) -> list[tables.Row]:
    return tables.read(path.read_text()) if path.is_file() else tables.rows(Tree(path))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
