"""The Python files that make a probe, and the version that follows from them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Dict

PACKAGES = ("diagnosis", "probes")


def collect(root: Path) -> Dict[str, bytes]:
    """Every source below the bundled packages, the known signatures and the configuration of the lab's kernels, by name
    in the archive, sorted."""
    ends = ("*.py", "known.json", "kernel.config")
    files = (path for package in PACKAGES for end in ends for path in (root / package).rglob(end))
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in files}
    return {name: found[name] for name in sorted(found)}


def version(files: Dict[str, bytes]) -> str:
    """The first 12 hex digits of a SHA-256 over names and contents: the same tree, the same version."""
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(b"%d %d\n" % (len(name.encode()), len(content)))
        digest.update(name.encode() + content)
    return digest.hexdigest()[:12]
