"""A proof stands on its lines: whatever of them is changed, nothing is proved any more.

From each text of the corpus whose mechanism is proved: the state becomes R, the wait becomes that of another lock, an
oops stands above it, a line that a reason points at is cut in half.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.rules.verdict import Diagnosis, Finding
from diagnosis.text.record import Place
from tests.diagnosis.corpus import ALL, Known
from tests.diagnosis.dressed import HUNG

HUNG_TEXT = "\n".join(HUNG) + "\n"
OOPS = """BUG: unable to handle page fault for address: ffffdead00000100
Oops: 0002 [#1] PREEMPT SMP NOPTI
CPU: 1 PID: {pid} Comm: {comm} Tainted: G      D            7.3.4+deb13-amd64 #1
RIP: 0010:list_del_init+0x1f/0x60
Call Trace:
"""
# Waits of a folio, and what a task that waits for something else has in their place.
OTHERS = {"folio_wait_bit_common": "__wait_on_buffer", "__folio_lock": "down_write", "folio_wait_writeback": "msleep"}
TEXTS: dict[str, str] = {one.name: one.text() for one in ALL if one.is_there}
TEXTS["a hung task"] = HUNG_TEXT
TEXTS["SysRq-W of 5.4"] = (
    "sysrq: Show Blocked State\nbash            D    0  1204   1200 0x00000000\nCall Trace:\n __schedule+0x29c/0x6d0\n"
    " io_schedule+0x12/0x40\n __lock_page+0x11e/0x140\n migrate_pages+0x8b1/0xba0\n __offline_pages+0x6ad/0x760\n"
)
TEXTS["crash"] = (
    'PID: 812      TASK: ffff9c0d4a5d8000  CPU: 3    COMMAND: "sh"\n #0 [ffffb8d4c0a7] __schedule at ffffffffab5a3951\n'
    " #1 [ffffb8d4c0a7fb60] folio_wait_bit_common at ffffffffaacb6b3d\n"
    " #2 [ffffb8d4c0a7fbf0] folio_wait_writeback at ffffffffaacc9a6c\n"
    " #3 [ffffb8d4c0a7fc08] migrate_pages_batch at ffffffffaadb3f0e\n"
    " #4 [ffffb8d4c0a7fd80] offline_pages at ffffffffaadd0f1e\n"
)
TEXTS["a buffer's lock"] = (
    "INFO: task kcompactd0:44 blocked for more than 120 seconds.\n      Not tainted 6.1.0-18-amd64 #1\n"
    "task:kcompactd0      state:D stack:0     pid:44    ppid:2      flags:0x00004000\nCall Trace:\n"
    " io_schedule+0x46/0x80\n"
    " bit_wait_io+0xd/0x60\n __wait_on_bit_lock+0x59/0xd0\n out_of_line_wait_on_bit_lock+0x8d/0xb0\n"
    " __lock_buffer+0x3a/0x40\n"
    " __buffer_migrate_folio+0x1b2/0x2c0\n move_to_new_folio+0x6b/0x150\n migrate_pages_batch+0x8b1/0xba0\n"
    " migrate_pages+0x1/0x2\n compact_zone+0x5f1/0x870\n kcompactd+0x73/0x180\n"
)


def proofs(text: str) -> list[Finding]:
    return [finding for finding in diagnose(text, signatures()).findings if finding.verdict.proved]


def rests_on_a_task(found: Diagnosis) -> bool:
    return any(
        one.verdict.proved and found.records[one.records[0]].kind == "task" and one.verdict.mechanism
        for one in found.findings
    )


PROVED = {name: text for name, text in TEXTS.items() if proofs(text)}
TASKS = {name: text for name, text in PROVED.items() if rests_on_a_task(diagnose(text))}


def of_tasks(text: str) -> list[str]:
    """What is proved by a task's trace, and not by what `inspect` or the log says beside it."""
    found = diagnose(text, signatures())
    return [
        one.verdict.rule
        for one in found.findings
        if one.verdict.proved and found.records[one.records[0]].kind == "task"
    ]


FRAME = re.compile(r".*(?:<0>\]|[a-z_]\+0x| at ffff)")


def above_each_trace(text: str, above: str) -> str:
    """`above` before the first frame of every trace."""
    made: list[str] = []
    for line in text.splitlines():
        if FRAME.match(line) and not (made and FRAME.match(made[-1])):
            made += above.splitlines()
        made.append(line)
    return "\n".join(made) + "\n"


RUNNING = "task:bash            state:R  running task     stack:0     pid:812   ppid:790    flags:0x00004002\n"


def runs(text: str) -> str:
    """Each header says R; where there is none, one is put there."""
    lines = [line for line in text.splitlines() if "blocked for more" not in line]
    changed = re.sub(r"state([:=])D", r"state\1R", "\n".join(lines) + "\n")
    changed = re.sub(r"^(\S+ {2,})D( )", r"\1R\2", changed, flags=re.MULTILINE)
    has_header = re.search(r"state[:=]R|^\S+ {2,}R ", changed, flags=re.MULTILINE)
    return changed if has_header else above_each_trace(changed, RUNNING)


def waits_for_another_lock(text: str) -> str:
    for name, other in OTHERS.items():
        text = re.sub(rf"(?<!\w){name}(?=[+ ])", other, text)
    return (
        text.replace("__lock_buffer", "blk_mq_get_tag")
        .replace("__lock_page", "__rpc_execute")
        .replace("__wait_on_bit_lock", "__wait_on_bit")
        .replace("out_of_line_wait_on_bit_lock", "schedule_hrtimeout")
        .replace("__buffer_migrate_folio", "gfs2_migrate_folio")
    )


def below_an_oops(text: str) -> str:
    """Right above the frames: they are those of whoever the oops names."""
    return above_each_trace(text, OOPS.format(pid=4711, comm="another"))


CHANGES: dict[str, Callable[[str], str]] = {
    "runs": runs, "another lock": waits_for_another_lock, "below an oops": below_an_oops
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", TASKS)
def test_a_proof_by_a_tasks_trace_falls_with_what_it_rests_on(name: str, change: str) -> None:
    assert of_tasks(TASKS[name])
    changed = CHANGES[change](TASKS[name])
    assert changed != TASKS[name]
    assert of_tasks(changed) == []


def cut(text: str, place: Place) -> str:
    """The text with the line of `place` ending in the middle of it."""
    lines = text.split("\n")
    lines[place.line - 1] = lines[place.line - 1][: place.column - 1 + place.length // 2]
    return "\n".join(lines)


def _cuts() -> Iterator[tuple[str, Place]]:
    for name, text in PROVED.items():
        for place in dict.fromkeys(place for reason in proofs(text)[0].verdict.reasons for place in reason.places):
            yield name, place


@pytest.mark.parametrize(("name", "place"), list(_cuts()))
def test_what_a_proof_points_at_proves_nothing_when_it_is_cut_in_half(name: str, place: Place) -> None:
    """Another record of the same text may prove the same: what is asked is whether this one does."""
    for finding in proofs(cut(PROVED[name], place)):
        assert place.line not in {line for reason in finding.verdict.reasons for line in reason.lines}


def test_there_are_proofs_of_each_manner_to_try() -> None:
    assert len(TASKS) >= 20 and len(PROVED) > len(TASKS)
    assert isinstance(ALL[0], Known)
