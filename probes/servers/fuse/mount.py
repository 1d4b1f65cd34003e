"""A private place to mount, and the number of a connection in /sys/fs/fuse/connections."""

from __future__ import annotations

import os
from typing import Optional

from probes.errors import CannotRun
from probes.kernel import syscalls

CONNECTIONS = "/sys/fs/fuse/connections"
_PLACES = ("/mnt", "/media", "/srv", "/opt")


def private_mountpoint() -> str:
    """Leave the machine's mount namespace; an existing folder over which to mount there.

    No folder is made, so none can be left behind. The namespace, with all that is mounted in it, ends
    with the last process in it.
    """
    try:
        syscalls.private_mounts()
    except OSError as error:
        raise CannotRun("no mount namespace of our own: %s" % error.strerror) from None
    for place in _PLACES:
        if os.path.isdir(place):
            return place
    raise CannotRun("none of the folders %s is there" % ", ".join(_PLACES))


def connection_of(mountpoint: str) -> int:
    """The connection's number: the minor device number of the mount, read without a request to its server."""
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        number = parse_mountinfo(table.read(), mountpoint)
    if number is None:
        raise CannotRun("the FUSE mount does not show in /proc/self/mountinfo")
    return number


def parse_mountinfo(text: str, mountpoint: str) -> Optional[int]:
    for line in reversed(text.splitlines()):
        fields = line.split()
        if fields[4] == mountpoint and fields[fields.index("-") + 1] == "fuse":
            return int(fields[2].split(":")[1])
    return None


def abort_file_if_there(number: int) -> str:
    path = "%s/%d/abort" % (CONNECTIONS, number)
    return path if os.access(path, os.W_OK) else ""


def abort_file(number: int) -> str:
    """The path that ends the connection when written to; mounts fusectl (in our namespace) where needed."""
    path = "%s/%d/abort" % (CONNECTIONS, number)
    if not os.path.exists(path):
        try:
            syscalls.mount("fusectl", CONNECTIONS, "fusectl")
        except OSError as error:
            raise CannotRun("fusectl cannot be mounted: %s" % error.strerror) from None
    if not os.path.exists(path):
        raise CannotRun("no connection %d in %s" % (number, CONNECTIONS))
    return path
