"""Makes probe.pyz, the same bytes from the same tree: `python -m probes.archive.build OUT`."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

from probes.archive import sources
from probes.archive.version import VERSION_FILE

_SHEBANG = b"#!/usr/bin/env python3\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_UNIX = 3
# Also read by Pythons that are too old for everything else in here.
_MAIN = b"""import sys

if sys.version_info < (3, 9):
    sys.exit("probe.pyz needs Python 3.9 or newer; this is %d.%d" % sys.version_info[:2])

from probes.command.cli import main

sys.exit(main())
"""


def build(root: Path) -> bytes:
    """The archive. Stored, not deflated: what deflate makes differs between zlib versions."""
    files = sources.collect(root)
    files[VERSION_FILE] = sources.version(files).encode()
    files["__main__.py"] = _MAIN
    out = io.BytesIO()
    out.write(_SHEBANG)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = _MODE
            archive.writestr(entry, files[name])
    return out.getvalue()


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python -m probes.archive.build OUT", file=sys.stderr)
        return 2
    target = Path(sys.argv[1])
    target.write_bytes(build(Path(__file__).resolve().parents[2]))
    target.chmod(0o755)
    return 0


if __name__ == "__main__":
    sys.exit(main())
