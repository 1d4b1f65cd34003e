"""A slow and lossy line to a host, where the kernel has no `netem`: two taps, and between them a thread that lets each
packet wait and drops some. Whoever is at the host notices nothing else: address and hardware address stay.

with line.slowed(host, seconds=0.1, loss=0.05):     a tenth of a second each way, one packet in twenty lost
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from bench.cluster import hosts

_SET_INTERFACE = 0x400454CA
_TAP_WITHOUT_HEADERS = 0x0002 | 0x1000
_FRAME = 65_536
_NEAR, _FAR = f"umgt{hosts.CLUSTER}-near", f"umgt{hosts.CLUSTER}-far"


def _tap(name: str) -> int:
    made = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(made, _SET_INTERFACE, struct.pack("16sH22x", name.encode(), _TAP_WITHOUT_HEADERS))
    return made


class _Pump(threading.Thread):
    def __init__(self, ends: tuple[int, int], seconds: float, loss: float) -> None:
        super().__init__()
        self.ends, self.seconds, self.loss, self.over = ends, seconds, loss, False
        self.passed = self.lost = 0
        self.waiting: deque[tuple[float, int, bytes]] = deque()

    def run(self) -> None:
        chance = random.Random(1)  # noqa: S311
        other = {self.ends[0]: self.ends[1], self.ends[1]: self.ends[0]}
        while not self.over:
            left = self.waiting[0][0] - time.monotonic() if self.waiting else 0.05
            for end in select.select(self.ends, [], [], min(0.05, max(0.0, left)))[0]:
                frame = os.read(end, _FRAME)
                if chance.random() < self.loss:
                    self.lost += 1
                else:
                    self.waiting.append((time.monotonic() + self.seconds, other[end], frame))
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                _, end, frame = self.waiting.popleft()
                self.passed += 1
                try:
                    os.write(end, frame)
                except OSError:  # its queue is full, or it is not up yet: one more that is lost
                    self.lost += 1


@contextmanager
def slowed(host: hosts.Host, seconds: float, loss: float) -> Iterator[_Pump]:
    """Every packet to and from `host` waits for so long, and so large a share of them is lost, each way."""
    ends = (_tap(_NEAR), _tap(_FAR))
    pump = _Pump(ends, seconds, loss)
    address = f"{host.address}/24"
    at_host = ("-n", host.space)
    try:
        hosts.ip("link", "set", _NEAR, "master", hosts.BRIDGE, "up")
        hosts.ip("link", "set", _FAR, "netns", host.space)
        hardware = hosts.ip(*at_host, "-o", "link", "show", "eth0").partition("link/ether ")[2].split()[0]
        hosts.ip(*at_host, "link", "set", "eth0", "down")
        hosts.ip(*at_host, "addr", "del", address, "dev", "eth0")
        hosts.ip(*at_host, "link", "set", _FAR, "address", hardware, "up")
        hosts.ip(*at_host, "addr", "add", address, "dev", _FAR)
        pump.start()
        yield pump
    finally:
        pump.over = True
        if pump.is_alive():
            pump.join()
        for end in ends:
            os.close(end)  # and with it the tap, wherever it is
        hosts.ip(*at_host, "addr", "add", address, "dev", "eth0", may_fail=True)
        hosts.ip(*at_host, "link", "set", "eth0", "up")
