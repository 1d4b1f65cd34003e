"""What a guest's initramfs holds beside kernel modules: busybox, this machine's Python, the probe."""

from __future__ import annotations

import hashlib
import io
import py_compile
import re
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Dict, Iterable, List, Set

from probes.archive import build, version
from probes.lab import cpio, tools
from probes.lab.kernels import Kernel, modinfo

_NOT_NEEDED = (
    "test", "tests", "idlelib", "lib2to3", "ensurepip", "pydoc_data", "tkinter", "turtledemo", "distutils", "unittest",
    "site-packages", "dist-packages", "sqlite3", "xmlrpc", "wsgiref", "curses", "dbm", "msilib", "venv",
)  # fmt: skip
_NO_EXTENSIONS = ("_tkinter", "_sqlite3", "_test", "_ctypes_test", "_curses", "_dbm", "_gdbm", "xxlimited")
_OPTIONAL_PROGRAMS = ("mkfs.xfs", "xfs_io", "mkfs.ext4")
_LIBRARY = re.compile(r"(/\S+)")
PYTHON = "usr/bin/python3"
PROBE = "lab/probe.pyz"
UNPACKED = "lab/probe"
_AS_IT_IS = py_compile.PycInvalidationMode.UNCHECKED_HASH


def base(init: str) -> List[cpio.Entry]:
    """All that does not depend on the kernel."""
    busybox = Path(tools.demand([tools.BUSYBOX])[tools.BUSYBOX])
    entries = [cpio.folder(name) for name in ("proc", "sys", "dev", "tmp", "mnt", "run", "root", "etc")]
    entries.append(cpio.copy(busybox, "bin/busybox"))
    entries.append(cpio.file("init", init.encode(), executable=True))
    entries += _python()
    entries += _programs(filter(None, (tools.find(name) for name in _OPTIONAL_PROGRAMS)))
    return entries


def _python() -> List[cpio.Entry]:
    """The Python that runs this, at the place where it is used to being."""
    executable = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    library = Path(sysconfig.get_path("stdlib", vars={"base": sys.base_prefix, "installed_base": sys.base_prefix}))
    extensions = sorted(path for path in library.glob("lib-dynload/*.so") if not path.name.startswith(_NO_EXTENSIONS))
    kept = {str(path).lstrip("/") for path in extensions}
    entries = [_sure(each) for each in cpio.tree(library, str(library), _NOT_NEEDED) if _is_needed(each.name, kept)]
    entries.append(cpio.copy(executable, str(executable)))
    entries.append(cpio.link(PYTHON, str(executable)))
    entries += _libraries([executable, *extensions])
    return entries


def _sure(entry: cpio.Entry) -> cpio.Entry:
    """Compiled code that Python takes without a look at its source (PEP 552: a hash that is not checked). A kernel
    without CONFIG_INITRAMFS_PRESERVE_MTIME gives every file the time of the boot, and all would be compiled again."""
    if not entry.name.endswith(".pyc"):
        return entry
    return replace(entry, data=entry.data[:4] + b"\1\0\0\0" + entry.data[8:])


def _is_needed(name: str, extensions: Set[str]) -> bool:
    """Not what was compiled for `python -O`, nor an extension that brings libraries for screens and databases."""
    return ".opt-" not in name and ("/lib-dynload/" not in name or name in extensions)


def _programs(paths: Iterable[str]) -> List[cpio.Entry]:
    programs = [Path(path) for path in paths]
    return [cpio.copy(path, "bin/" + path.name) for path in programs] + _libraries(programs)


def _libraries(programs: Iterable[Path]) -> List[cpio.Entry]:
    """The shared libraries that these want, under the names by which they want them."""
    found: Set[str] = set()
    for program in programs:
        shown = subprocess.run(["ldd", str(program)], capture_output=True, text=True)
        found |= set(_LIBRARY.findall(re.sub(r"(?m)^[ \t]*\S+ => ", "", shown.stdout)))
    paths = (Path(name) for name in sorted(found))
    return [cpio.copy(path, str(path)) for path in paths if path.is_file()]


def modules(kernel: Kernel, found: Dict[str, bytes]) -> List[cpio.Entry]:
    """The modules with the tables that modprobe reads, and the configuration where the probe looks for it."""
    top = "lib/modules/%s/" % kernel.release
    entries = [cpio.file(top + name + ".ko", data) for name, data in found.items()]
    dependencies, aliases = [], []
    for name, data in sorted(found.items()):
        named = [each for part in modinfo(data, "depends") for each in part.replace("-", "_").split(",")]
        needed = " ".join(each + ".ko" for each in named if each in found)
        dependencies.append("%s.ko: %s\n" % (name, needed))
        aliases += ["alias %s %s\n" % (alias, name) for alias in modinfo(data, "alias") if ":" not in alias]
    entries.append(cpio.file(top + "modules.dep", "".join(dependencies).encode()))
    entries.append(cpio.file(top + "modules.alias", "".join(aliases).encode()))
    entries.append(cpio.file(top + "modules.symbols", b""))
    if kernel.config:
        entries.append(cpio.file("boot/config-" + kernel.release, kernel.config.encode()))
    return entries


def probe() -> bytes:
    """The archive that runs in the guest: this one, or one made from the tree that this runs from."""
    here = Path(__file__).resolve()
    for candidate in here.parents:
        if zipfile.is_zipfile(candidate):
            return candidate.read_bytes()
    return build.build(here.parents[2])


def unpacked(archive: bytes) -> List[cpio.Entry]:
    """What is in it, compiled by the Python that the guest has. From the archive each start compiles all of it anew,
    which took an emulated processor 46 s at a load of three times what the host can do."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            packed.extractall(folder)
        Path(folder, version.DIGEST_FILE).write_text(hashlib.sha256(archive).hexdigest())
        for source in Path(folder).rglob("*.py"):
            name = source.relative_to(folder).as_posix()
            beside = source.parent / "__pycache__" / ("%s.%s.pyc" % (source.stem, sys.implementation.cache_tag))
            py_compile.compile(str(source), str(beside), "/%s/%s" % (UNPACKED, name), True, invalidation_mode=_AS_IT_IS)
        return cpio.tree(Path(folder), UNPACKED)
