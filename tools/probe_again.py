"""Whether a probe.pyz is what this tree makes: `python tools/probe_again.py FILE`. Ends with 1 where it is not."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from probes.archive.build import build  # noqa: E402 - found by the line above


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python tools/probe_again.py FILE", file=sys.stderr)
        return 2
    given, made = Path(sys.argv[1]).read_bytes(), build(ROOT)
    digest = hashlib.sha256(made).hexdigest()
    if given == made:
        print(f"the same, byte for byte: {digest}")
        return 0
    print(f"not the same: this tree makes {digest}, the file is {hashlib.sha256(given).hexdigest()}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
