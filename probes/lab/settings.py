"""What a guest is set to before anything is measured: a sysctl, a file of sysfs or procfs, a kernel argument.

fs.fuse.default_request_timeout=15      a sysctl: it begins with the name of a table below /proc/sys
/sys/kernel/mm/lru_gen/enabled=0        a file: it begins with a slash
memhp_default_state=online_kernel       a kernel argument: everything else; one without a value, too
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Iterable, List

_TABLES = ("abi", "debug", "dev", "fs", "kernel", "net", "sunrpc", "user", "vm")
_SYSCTL = re.compile(r"(?:%s)(?:\.[A-Za-z0-9_-]+)+" % "|".join(_TABLES))
_FILE = re.compile(r"/(?:sys|proc/sys)(?:/[A-Za-z0-9_][A-Za-z0-9_.:-]*)+")
_ARGUMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,98}[\x21-\x7e])?")


@dataclass(frozen=True)
class Setting:
    """`value` is empty for a kernel argument without one."""

    name: str
    value: str

    def __str__(self) -> str:
        return "%s=%s" % (self.name, self.value) if self.value else self.name

    @property
    def file(self) -> str:
        """Where it is written, '' for a kernel argument."""
        if _SYSCTL.fullmatch(self.name):
            return "/proc/sys/" + self.name.replace(".", "/")
        return self.name if self.name.startswith("/") else ""


def parse(text: str) -> Setting:
    """Raises ValueError with what was expected."""
    name, equals, value = text.partition("=")
    is_file = bool(_SYSCTL.fullmatch(name) or _FILE.fullmatch(name))
    if not is_file and not _ARGUMENT.fullmatch(name):
        raise ValueError("expected a sysctl, a path below /sys or /proc/sys, or a kernel argument; found %r" % name)
    if (is_file or equals) and not _VALUE.fullmatch(value):
        raise ValueError("expected NAME=VALUE with a value of up to 100 printable characters; found %r" % text)
    if not is_file and " " in value:
        raise ValueError("a kernel argument's value has no spaces; found %r" % text)
    return Setting(name, value)


def kernel_arguments(settings: Iterable[Setting]) -> str:
    return " ".join(str(each) for each in settings if not each.file)


def script(settings: Iterable[Setting]) -> str:
    """Shell for the guest's first program: where one cannot be set, the guest says so and ends, and measures nothing.

    Measured anyway, it would be a run without the setting under a label that says it was there.
    """
    lines: List[str] = []
    for each in settings:
        if each.file:
            words = (shlex.quote(each.value), shlex.quote(each.file), shlex.quote("could not set %s" % each))
            lines.append("echo %s >%s || { echo %s >&3; sync; sleep 1; poweroff -f; }" % words)
    return "".join(line + "\n" for line in lines)
