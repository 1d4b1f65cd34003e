"""What the lab needs on this machine. It says what is missing, and installs nothing."""

from __future__ import annotations

import shutil
from typing import Dict, List, Optional

from probes.errors import CannotRun

QEMU = "qemu-system-x86_64"
BUSYBOX = "busybox"
_PACKAGES = {
    QEMU: "qemu-system-x86",
    BUSYBOX: "busybox-static",
    "dpkg-deb": "dpkg",
    "apt-get": "apt",
    "ldd": "libc-bin",
    "xz": "xz-utils",
}


def missing(names: List[str]) -> List[str]:
    return [name for name in names if find(name) is None]


def find(name: str) -> Optional[str]:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")


def demand(names: List[str]) -> Dict[str, str]:
    """The path of each program. Raises CannotRun with one sentence that says how to get what is missing."""
    lacking = missing(names)
    if lacking:
        packages = " ".join(sorted({_PACKAGES.get(name, name) for name in lacking}))
        raise CannotRun("the lab needs %s: apt-get install --no-install-recommends %s" % (", ".join(lacking), packages))
    return {name: str(find(name)) for name in names}
