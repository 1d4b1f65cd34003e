"""The kernels to boot: from a Debian suite, from packages, or one that a developer just built."""

from __future__ import annotations

import lzma
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from probes.errors import CannotRun
from probes.lab import tools
from probes.lab.mirror import Apt

_SUITE = re.compile(r"[a-z][a-z-]*")
_PACKAGE = re.compile(r"(?P<suite>[a-z][a-z-]*)/(?P<package>linux-image-[a-z0-9.+~-]+)")


@dataclass(frozen=True)
class Kernel:
    """`name`: what it was asked for as. `config` is empty where nobody knows it."""

    name: str
    release: str
    image: Path
    modules: Optional[Path]
    config: str

    def has(self, option: str) -> Optional[bool]:
        """Built in, or a module that is to be had. None where nobody knows."""
        values = ("y", "m") if self.modules is not None else ("y",)
        known = self.config.splitlines()
        return any("CONFIG_%s=%s" % (option, value) in known for value in values) if self.config else None


def get(wanted: str, work: Path) -> Kernel:
    """`SUITE`, `SUITE/PACKAGE`, `A.deb[,B.deb]`, or `BZIMAGE[:MODULES_DIR]`. Raises CannotRun with what is wrong."""
    if ".deb" in wanted:
        return _unpacked(wanted, [Path(part) for part in wanted.split(",")], work)
    if ("/" in wanted and _PACKAGE.fullmatch(wanted) is None) or Path(wanted).is_file():
        return _built(wanted)
    match = _PACKAGE.fullmatch(wanted)
    if match is None and not _SUITE.fullmatch(wanted):
        raise CannotRun("%s is no suite, SUITE/PACKAGE, .deb or bzImage" % wanted)
    return _from_suite(wanted, match["suite"] if match else wanted, match["package"] if match else None, work)


def _from_suite(wanted: str, suite: str, package: Optional[str], work: Path) -> Kernel:
    tools.demand(["apt-get", "dpkg-deb"])
    apt = Apt(work / "apt", suite)
    apt.update()
    package = package or apt.newest()
    folder = work / "packages" / package
    ready = folder / "complete"
    if not ready.exists():
        apt.download(package, folder)
        ready.touch()
    return _unpacked(wanted, sorted(folder.glob("*.deb")), work)


def _unpacked(wanted: str, packages: List[Path], work: Path) -> Kernel:
    tools.demand(["dpkg-deb"])
    for path in packages:
        if not path.is_file():
            raise CannotRun("there is no file %s" % path)
    root = work / "unpacked" / packages[0].stem
    ready = root / ".complete"
    if not ready.exists():
        root.mkdir(parents=True, exist_ok=True)
        for path in packages:
            subprocess.run(["dpkg-deb", "-x", str(path), str(root)], check=True)
        ready.touch()
    found = _image(root)
    if found is None:
        raise CannotRun("no kernel image in %s" % ", ".join(path.name for path in packages))
    release, image = found
    modules = [place for place in _module_folders(root, release) if place.is_dir()]
    configs = [root / "boot" / ("config-" + release), *(place / "config" for place in modules)]
    config = next((path.read_text() for path in configs if path.is_file()), "")
    return Kernel(wanted, release, image, modules[0] if modules else None, config)


def _image(root: Path) -> Optional[Tuple[str, Path]]:
    """Release and image: in /boot, or, as Debian has it since 7.x, beside the modules."""
    for path in sorted((root / "boot").glob("vmlinuz-*")):
        return path.name[len("vmlinuz-") :], path
    for top in ("lib/modules", "usr/lib/modules"):
        for path in sorted((root / top).glob("*/vmlinuz")):
            return path.parent.name, path
    return None


def _module_folders(root: Path, release: str) -> List[Path]:
    return [root / "lib/modules" / release, root / "usr/lib/modules" / release]


def _built(wanted: str) -> Kernel:
    image, _, modules = wanted.partition(":")
    if not Path(image).is_file():
        raise CannotRun("there is no file %s" % image)
    if modules and not Path(modules).is_dir():
        raise CannotRun("there is no folder %s" % modules)
    config = Path(image).with_name("config")
    known = config.read_text() if config.is_file() else ""
    return Kernel(wanted, release_of(Path(image)), Path(image), Path(modules) if modules else None, known)


def release_of(image: Path) -> str:
    """The release that a bzImage carries (Documentation/arch/x86/boot.rst, kernel_version at 0x20e)."""
    data = image.read_bytes()
    if data[0x202:0x206] != b"HdrS":
        raise CannotRun("%s is no bzImage" % image)
    start = int.from_bytes(data[0x20E:0x210], "little") + 0x200
    return data[start : start + 200].split(b"\0")[0].split(b" ")[0].decode("ascii", "replace")


def modules_for(kernel: Kernel, wanted: List[str]) -> Dict[str, bytes]:
    """The modules by their name in the guest, plain, with what they depend on; what is built in is not among them."""
    if kernel.modules is None:
        return {}
    files = {_name(path): path for path in kernel.modules.rglob("*.ko*")}
    found: Dict[str, bytes] = {}
    waiting = list(wanted)
    while waiting:
        name = waiting.pop().replace("-", "_")
        if name in found or name not in files:
            continue
        found[name] = _plain(files[name])
        waiting += modinfo(found[name], "depends")[0].split(",") if modinfo(found[name], "depends") else []
    return found


def _name(path: Path) -> str:
    return path.name.split(".ko")[0].replace("-", "_")


def _plain(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix == ".zst":
        return subprocess.run(
            [tools.demand(["zstd"])["zstd"], "-dcq"], input=data, capture_output=True, check=True
        ).stdout
    return data


def modinfo(module: bytes, key: str) -> List[str]:
    """The values of one key in a module's .modinfo, which is a row of `key=value` with zeros between."""
    found = re.findall(rb"\0" + key.encode() + rb"=([^\0]*)(?=\0)", module)
    return [value.decode("ascii", "replace") for value in found]
