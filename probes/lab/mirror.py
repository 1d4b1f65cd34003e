"""Debian packages of any suite, through an apt of the lab's own.

It takes the mirror that this machine's own list names, read anew each time, and leaves the machine's lists,
packages and settings as they are.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional

from probes.errors import CannotRun

APT_FOLDER = Path("/etc/apt")
# Only what a kernel's modules and image are in; none of the tools that a real machine would want beside them.
_KERNEL_PACKAGE = re.compile(r"linux-(?:image|binary|modules|base)-[0-9][a-z0-9.+~-]*")
_META_PACKAGE = "linux-image-amd64"


@dataclass(frozen=True)
class Source:
    """One line of a machine's package list. `signed_by` is empty where the machine's own keys are meant."""

    uri: str
    suite: str
    signed_by: str = ""


def sources(folder: Path = APT_FOLDER) -> List[Source]:
    """What this machine's lists name, in their order: deb822 and one-line style."""
    found: List[Source] = []
    for path in [folder / "sources.list", *sorted(folder.glob("sources.list.d/*"))]:
        if path.suffix == ".sources":
            found += parse_deb822(path.read_text())
        elif path.suffix == ".list" and path.is_file():
            found += parse_lines(path.read_text())
    return found


def parse_deb822(text: str) -> List[Source]:
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in ("no", "false"):
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                found.append(Source(uri, suite, _key_file(fields.get("signed-by", ""))))
    return found


def _fields(stanza: str) -> Dict[str, str]:
    found: Dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in (" ", "\t"):
            found[name] = found.get(name, "") + "\n" + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            found[name] = value.strip()
    return found


def parse_lines(text: str) -> List[Source]:
    found = []
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)", line.strip())
        if match:
            signed = re.search(r"signed-by=(\S+)", match[1] or "")
            found.append(Source(match[2], match[3], _key_file(signed[1] if signed else "")))
    return found


def _key_file(value: str) -> str:
    """A path; a key that stands in the list itself is left to the machine's own keyring."""
    return value if value.startswith("/") else ""


def source_for(suite: str, known: Iterable[Source]) -> Source:
    """Where a suite is to be had: where the machine has it from, else beside the Debian release that it has."""
    known = list(known)
    for source in known:
        if source.suite == suite:
            return source
    security = suite.endswith("-security")
    for source in known:
        if source.suite.endswith("-security") == security and "debian" in source.uri:
            return Source(source.uri, suite, source.signed_by)
    raise CannotRun("no list in %s names a Debian mirror from which %s could come" % (APT_FOLDER, suite))


class Apt:
    """apt-get with a root of its own, for one suite."""

    def __init__(self, folder: Path, suite: str, known: Optional[List[Source]] = None) -> None:
        self.folder = folder.resolve() / suite
        self.source = source_for(suite, sources() if known is None else known)

    def update(self) -> None:
        for name in ("etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d", "lists/partial", "archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        (self.folder / "etc/sources.list.d/lab.sources").write_text(self.stanza())
        self._run("apt-get", "update", "-q")

    def stanza(self) -> str:
        signed = "Signed-By: %s\n" % self.source.signed_by if self.source.signed_by else ""
        return "Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n%s" % (self.source.uri, self.source.suite, signed)

    def download(self, package: str, target: Path) -> List[Path]:
        """The package, and the parts of the kernel that it depends on, as files below `target`."""
        target.mkdir(parents=True, exist_ok=True)
        wanted = kernel_packages(package, self._show)
        if not wanted:
            raise CannotRun("%s has no kernel package %s" % (self.source.suite, package))
        self._run("apt-get", "download", "-q", *wanted, cwd=target)
        return sorted(target.glob("*.deb"))

    def fetch(self, package: str, target: Path) -> Path:
        """One package by its name, without what it depends on; what is there already is not fetched again."""
        target.mkdir(parents=True, exist_ok=True)
        named = self._run("apt-get", "download", "--print-uris", "-q", package, cwd=target).split()
        file = target / named[1] if len(named) > 1 else None
        if file is None or not file.exists():
            self._run("apt-get", "download", "-q", package, cwd=target)
            file = max(target.glob("*.deb"), key=lambda path: path.stat().st_mtime)
        return file

    def newest(self) -> str:
        """The package of this suite's kernel."""
        for name in _KERNEL_PACKAGE.findall(self._show(_META_PACKAGE)):
            if name.startswith("linux-image-"):
                return str(name)
        raise CannotRun("%s has no %s" % (self.source.suite, _META_PACKAGE))

    def _show(self, package: str) -> str:
        """The `Depends` of a package, empty where there is none of that name."""
        shown = self._run("apt-cache", "show", "--no-all-versions", package, demanded=False)
        return "\n".join(line for line in shown.splitlines() if line.startswith(("Package:", "Depends:")))

    def _run(self, *command: str, cwd: Optional[Path] = None, demanded: bool = True) -> str:
        place = {
            "Dir::Etc": self.folder / "etc",
            "Dir::State": self.folder,
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder,
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
        }
        options = [part for name, value in place.items() for part in ("-o", "%s=%s" % (name, value))]
        done = subprocess.run([command[0], *options, *command[1:]], cwd=cwd, capture_output=True, text=True)
        if done.returncode and demanded:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise CannotRun("%s %s did not work: %s" % (command[0], command[1], " ".join(last)[:300]))
        return done.stdout


def kernel_packages(package: str, depends: Callable[[str], str]) -> List[str]:
    """The package and all parts of a kernel that it needs. `depends` gives what a package says it depends on."""
    found: List[str] = []
    waiting = [package]
    while waiting:
        name = waiting.pop()
        told = depends(name)
        if name in found or not told:
            continue
        found.append(name)
        waiting += _KERNEL_PACKAGE.findall(told)
    return found
