"""Kernel release strings, read: which line a build belongs to, who built it, and how builds sort.

Vendor kernels are lines of their own: 5.14.0-570.el9 carries years of backports and is el9, not 5.14. `identity` and
`architecture` bring the spellings of one kernel together, by what the kernel's build makes of a tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Optional, Pattern, Tuple

_HEAD = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,6}))?(?:[-~]rc(\d{1,3}))?")
_FINAL = 10_000
_ARCHES = "(?:amd64|arm64|686(?:-pae)?|armmp(?:-lpae)?|s390x|powerpc64le|riscv64|loong64|4kc-malta|5kc-malta)"
_UBUNTUS = "generic|lowlatency|aws|azure|gcp|gke|oracle|kvm|raspi|ibm|nvidia|oem|realtime"


@dataclass(frozen=True)
class _Family:
    """Who builds kernels with such names. `{}` is the group `v`; no vendor: the line is upstream's.

    The group `n` holds the numbers that order builds of one version. `hides_patch`: the third number
    is the vendor's, or always 0, and says nothing of the stable release within.
    """

    regex: Pattern[str]
    built_by: str
    vendor: str = ""
    hides_patch: bool = False


# The first that fits counts.
_FAMILIES = (
    _Family(re.compile(r"-(?P<n>[\d.]+)\.el\d+uek"), "Oracle, as UEK", "uek", True),
    _Family(re.compile(r"(?:-(?P<n>[\d.]+))?\.(?P<v>el\d+)"), "Red Hat, or who rebuilds its kernel", "{}", True),
    _Family(re.compile(r"-(?P<n>[\d.]+)\.(?P<v>amzn\d+)"), "Amazon", "{}"),
    _Family(re.compile(r"(?:\.(?P<n>\d+))?-\S*\.(?P<v>azl\d+)"), "Microsoft, for Azure Linux", "{}"),
    _Family(re.compile(r"(?:\.(?P<n>\d+))?-microsoft-standard-WSL2"), "Microsoft, for WSL2", "wsl2"),
    _Family(re.compile(r"^[\d.]+-0\d{5}(?:rc\d+)?-generic"), "Ubuntu, from upstream's source"),
    _Family(re.compile(r"^\d+\.\d+\.\d+-(?P<n>\d+)-(?P<v>%s)" % _UBUNTUS), "Ubuntu, flavour {}", "ubuntu", True),
    _Family(re.compile(r"-(?P<n>\d+)-pve"), "Proxmox", "pve", True),
    _Family(re.compile(r"-(?P<n>[\d.]+)-default"), "SUSE", "suse", True),
    _Family(re.compile(r"-(?P<v>android\d+)(?:-(?P<n>\d+))?"), "Google, for Android", "{}"),
    _Family(re.compile(r"^\d+\.\d+\.0-(?P<n>\d+)-(?:(?:cloud|rt)-)?%s" % _ARCHES), "Debian", "", True),
    _Family(re.compile(r"^\d+\.\d+\.0-0\.(?:deb|bpo)"), "Debian", "", True),
    _Family(re.compile(r"\+(?:deb\d+|bpo)|~rc\d+-%s" % _ARCHES), "Debian"),
    _Family(re.compile(r"-arch(?P<n>\d+-\d+)"), "Arch Linux"),
    _Family(re.compile(r"-(?P<n>\d+)\.fc\d+"), "Fedora"),
    _Family(re.compile(r"-(?P<n>\d+)-g[0-9a-f]{6,40}"), "from a git tree"),
)
_PLAIN = _Family(re.compile(""), "")

# The lines that upstream keeps for years, oldest first. The next one is added here when kernel.org announces it.
LONGTERM = ("5.4", "5.10", "5.15", "6.1", "6.6", "6.12", "6.18")


@dataclass(frozen=True)
class Release:
    """`line` is what the strips and the matrix group by: '6.12' for mainline, stable and Debian
    kernels, 'el9 5.14' for a vendor line. `order` sorts builds; an -rc sorts before its release.

    `built_by` is '' where the name does not tell. `hides_patch`: which stable release is within cannot
    be read off the name (Debian's 6.1.0-41 and every Red Hat kernel)."""

    raw: str
    line: str
    vendor: str
    order: Tuple[int, ...]
    built_by: str = ""
    hides_patch: bool = False

    @property
    def is_known(self) -> bool:
        return any(self.order)

    @property
    def base(self) -> Tuple[int, int]:
        """The mainline release that it was branched from, as two numbers."""
        return self.order[0], self.order[1]

    @property
    def is_candidate(self) -> bool:
        """An -rc, or something on the way from one to the next."""
        return self.is_known and self.order[3] != _FINAL


@lru_cache(maxsize=4096)  # a page asks for the same few releases some hundred times
def read(raw: str) -> Release:
    """Reads what `uname -r` prints. A string without a leading version keeps itself as its line."""
    head = _HEAD.match(raw)
    if head is None:
        return Release(raw, raw, "", (0, 0, 0, 0))
    found, family = _family(raw)
    version = (int(head[1]), int(head[2]), int(head[3] or 0), int(head[4] or 0) or _FINAL)
    line = "%d.%d" % version[:2]
    groups = found.groupdict() if found else {}
    order = version + tuple(int(n[:9]) for n in re.findall(r"\d+", groups.get("n") or ""))
    vendor = family.vendor.format(groups.get("v"))
    line = "%s %s" % (vendor, line) if vendor else line
    return Release(raw, line, vendor, order, family.built_by.format(groups.get("v")), family.hides_patch)


def read_uname(text: str) -> Optional[Release]:
    """Reads what a person brings: `uname -r`, `-rv` or `-a`, or /proc/version. None: no kernel in it.

    Debian's longer form names the stable release that `uname -r` of Debian 12 hides. A `+` that came
    through a URL as a space is put back.
    """
    text = text.strip()[:500]
    if "#" not in text and not text.lower().startswith("linux"):
        text = "+".join(text.split())
    words = [word[1:] if re.match(r"v\d", word) else word for word in text.split()]
    releases = [word for word in words if re.match(r"\d+\.\d+", word)]
    if not releases:
        return None
    release = read(releases[0])
    if not release.is_known or len(release.raw) > 120 or not release.raw.isprintable():
        return None
    within = re.search(r"Debian (\d+)\.(\d+)\.(\d{1,6})-", text)
    if release.hides_patch and release.built_by == "Debian" and within:
        version = (int(within[1][:4]), int(within[2][:4]), int(within[3]))
        if version[:2] == release.base:
            return replace(release, order=version + (_FINAL,), hides_patch=False)
    return release


# What a tag of upstream's, `git describe` and the release of a kernel built from a clean tree consist of, and no more:
# a name with anything else in it is somebody's own. scripts/setlocalversion writes the number of commits with five
# digits and the hash with twelve; the makefile writes three numbers where a tag has two.
_UPSTREAM = re.compile(
    r"(?:v?(?P<version>\d{1,4}\.\d{1,4}(?:\.\d{1,6}){0,2})(?P<rc>-rc\d{1,3})?)?-?(?P<next>next-\d{8})?"
    r"(?:-(?P<n>\d{1,6})-g(?P<hash>[0-9a-f]{7,40}))?(?P<changed>\+|-dirty)?"
)
_HASH = re.compile(r"g?([0-9a-f]{40}|[0-9a-f]{64})")
HASH_DIGITS = 12
_ARCHITECTURES = {
    "arm64": "aarch64",
    "amd64": "x86_64",
    "x64": "x86_64",
    "x86": "x86_64",
    "i386": "i686",
    "riscv": "riscv64",
    "s390": "s390x",
    "loongarch": "loongarch64",
    "ppc64el": "ppc64le",
}
OTHER_ARCHITECTURES = tuple(sorted(_ARCHITECTURES))


def identity(raw: str) -> str:
    """The release as the kernel itself prints it, whoever says it: `v6.15-rc7-7-g4a95bc121ccd`, as a tag is described,
    is `6.15.0-rc7-00007-g4a95bc121ccd`. A whole commit hash keeps to itself, in small letters. Of any other name
    nothing is known, and it stays as it is: 6.15.0-rc7-amd64 is a distribution's, and another kernel."""
    commit = _HASH.fullmatch(raw.lower())
    if commit:
        return commit[1]
    found = _UPSTREAM.fullmatch(raw)
    if found is None or not (found["version"] or found["next"]):
        return raw
    parts = []
    if found["version"]:
        numbers = found["version"].split(".")
        parts.append(".".join(numbers + ["0"] * (3 - len(numbers))) + (found["rc"] or ""))
    if found["next"]:
        parts.append(found["next"])
    if found["n"] and int(found["n"]):
        parts.append("%05d-g%s" % (int(found["n"]), found["hash"][:HASH_DIGITS]))
    return "-".join(parts) + (found["changed"] or "")


def ending(release: str) -> str:
    """How the whole release ends of which `release`, an `identity`, is a part: a commit's hash, or a day of linux-next
    without its version. '' where it is a whole one."""
    if _HASH.fullmatch(release):
        return "-g" + release[:HASH_DIGITS]
    return "-" + release if release.startswith("next-") and _UPSTREAM.fullmatch(release) else ""


def architecture(name: str) -> str:
    """What `uname -m` prints there, of what Kbuild, distributions and CI call it. As in Kbuild x86 and riscv are the
    64-bit ones, which everybody tests."""
    return _ARCHITECTURES.get(name, name)


def compare(one: Release, other: Release) -> Optional[int]:
    """-1, 0 or 1 as `one` comes before, with or after `other` in the same line; None where names do not tell."""
    if one.line != other.line or not one.is_known:
        return None
    if (one.hides_patch or other.hides_patch) and one.built_by != other.built_by:
        return None
    if one.hides_patch != other.hides_patch:
        return None
    return (one.order > other.order) - (one.order < other.order)


def is_at_least(raw: str, version: Tuple[int, int]) -> bool:
    """Is this release of that mainline version or newer? False where it is not known."""
    release = read(raw)
    return release.is_known and release.base >= version


def is_before(raw: str, version: Tuple[int, int]) -> bool:
    """Does it lack what came with that version? False where that is not known: vendors bring changes back."""
    release = read(raw)
    return release.is_known and not release.vendor and release.base < version


def _family(raw: str) -> "Tuple[Optional[re.Match[str]], _Family]":
    for family in _FAMILIES:
        found = family.regex.search(raw)
        if found:
            return found, family
    return None, _PLAIN
