"""How much of what is private is found, by a corpus of lines; docs/threats.md says the same share."""

from __future__ import annotations

import re
from collections import Counter

from diagnosis.formats import redact
from tests.running import ROOT

LINES = [
    line.partition(" ")[::2]
    for line in (ROOT / "tests" / "diagnosis" / "private.txt").read_text().splitlines()
    if line and line[0] != "#"
]
# Names of people, hosts, tasks and file systems that nothing marks as such, and ids of no form of their own.
NOT_FOUND = {"comm": 1, "home": 2, "host": 2, "label": 1, "lvm-id": 1, "serial": 2, "ssid": 1,
             "user": 3, "uuid-plain": 1}  # fmt: skip


def missed() -> Counter[str]:
    found: Counter[str] = Counter()
    for kind, line in LINES:
        (private,) = re.findall("«(.+)»", line)
        found[kind] += private in redact.text(line.replace("«", "").replace("»", ""))
    return found


def test_what_is_missed_is_what_is_said_to_be() -> None:
    assert {kind: count for kind, count in missed().items() if count} == {k: n for k, n in NOT_FOUND.items() if n}


def test_the_share_in_the_document_is_the_one_of_the_corpus() -> None:
    text = (ROOT / "docs" / "threats.md").read_text()
    said = re.search(r"(\d+) of (\d+) lines", text)
    assert said and (int(said[1]), int(said[2])) == (len(LINES) - missed().total(), len(LINES))


def test_what_a_kernel_says_of_itself_stays() -> None:
    for line in (
        "usb 1-2: New USB device strings: Mfr=1, Product=2, SerialNumber=3",
        "page: refcount:2 mapcount:0 mapping:00000000 index:0x1 pfn:0x12345",
        "audit: type=1400 op=getattr pass through",
        "task:kworker/u8:2 state:D stack:0 pid:77 tgid:77 ppid:2",
        "cma: cma_alloc(): memory range at pfn 0x1000 is busy, retrying",
        "token bucket filter; secret memory; password agent",
    ):
        assert redact.text(line) == line
