"""virtio-mem as a mover: what a guest may ask of the lab, what the tracepoints say, and what the mover makes of it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from probes.cases import CASES
from probes.children import processes
from probes.children.processes import Blocked
from probes.errors import CannotRun, Disturbed
from probes.kernel import pages, syscalls, zones
from probes.kernel.tracing import work as traced_work
from probes.kernel.tracing.work import Work, WorkTrace
from probes.lab import boot, guest, plan, qmp, tools
from probes.lab.guest import Setter
from probes.lab.kernels import Kernel
from probes.movers import attempts
from probes.movers.attempts import Attempt, MoverChild
from probes.movers.resizing import resize, virtio_mem
from probes.movers.resizing.virtio_mem import VirtioMem

SETTER = Setter("virtio_mem", "/machine/peripheral/vm0", "requested-size", (("none", 0), ("all", 512 << 20)))
BLOCK_PAGES = 0x8000000 // 4096
SHAPE = guest.shape_for("virtio_mem")


# What a guest asks for


@pytest.mark.parametrize(
    "data, found",
    [
        (b"@@unmig ask virtio_mem none\r\n", [("virtio_mem", "none")]),
        (b"  .. staging memory\r\n\r\n@@unmig ask virtio_mem all\r\nmore\r\n", [("virtio_mem", "all")]),
        (b"@@unmig ask virtio_mem none", []),  # its end is still to come
        (b"said @@unmig ask virtio_mem none\r\n", []),
        (b"@@unmig ask virtio_mem none; quit\r\n", []),
        (b"@@unmig ask " + b"a" * 21 + b" none\r\n", []),
        (b"\xff\x00@@unmig ask virtio_mem none\r\n", []),
        (b"", []),
    ],
)
def test_only_a_whole_line_of_two_words_asks(data: bytes, found: list[tuple[str, str]]) -> None:
    assert qmp.asked(data) == found


class Qemu:
    """Speaks QMP at the other end, as QEMU 7.2 does: a greeting, events in between, an answer to each command."""

    def __init__(self, end: socket.socket, error: str = "") -> None:
        self.told: list[dict[str, Any]] = []
        self._error = error
        self._file = end.makefile("rwb")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        self._say({"QMP": {"version": {"qemu": {"major": 7, "minor": 2}}, "capabilities": ["oob"]}})
        for line in self._file:
            command = json.loads(line)
            self.told.append(command)
            self._say({"event": "MEMORY_DEVICE_SIZE_CHANGE", "data": {"id": "vm0", "size": 0}})
            refused = self._error and command["execute"] != "qmp_capabilities"
            self._say({"error": {"class": "GenericError", "desc": self._error}} if refused else {"return": {}})

    def _say(self, message: dict[str, Any]) -> None:
        self._file.write(json.dumps(message).encode() + b"\r\n")
        self._file.flush()


@pytest.fixture
def monitor() -> Iterator[qmp.Monitor]:
    with contextlib.closing(qmp.Monitor([SETTER])) as made:
        yield made


def test_qemu_is_told_what_stands_in_the_shape(monitor: qmp.Monitor) -> None:
    qemu = Qemu(monitor.theirs)
    assert "is 0 now" in monitor.answer("virtio_mem", "none")
    assert "is 536870912 now" in monitor.answer("virtio_mem", "all")
    sizes = [each["arguments"].get("value") for each in qemu.told]
    assert [each["execute"] for each in qemu.told] == ["qmp_capabilities", "qom-set", "qom-set"]
    assert sizes == [None, 0, 512 << 20]
    assert qemu.told[1]["arguments"]["path"] == "/machine/peripheral/vm0"


@pytest.mark.parametrize("word, state", [("virtio_mem", "1"), ("virtio_mem", "half"), ("quit", "all"), ("", "")])
def test_what_the_shape_does_not_have_is_told_to_nobody(monitor: qmp.Monitor, word: str, state: str) -> None:
    qemu = Qemu(monitor.theirs)
    assert "does not have" in monitor.answer(word, state)
    monitor.answer("virtio_mem", "all")
    assert [each["execute"] for each in qemu.told] == ["qmp_capabilities", "qom-set"]


@pytest.mark.parametrize("nr_runs, answered", [(1, 2), (3, 6)])
def test_a_guest_is_answered_as_often_as_its_runs_can_ask(
    nr_runs: int, answered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qmp, "_MOST_REQUESTS_A_RUN", 2)
    with qmp.monitor_for([SETTER], nr_runs) as monitor:
        assert monitor is not None
        qemu = Qemu(monitor.theirs)
        said = [monitor.answer("virtio_mem", "all") for _ in range(answered + 1)]
        assert ["asked too often" in each for each in said] == [False] * answered + [True]
        assert len(qemu.told) == answered + 1


def test_the_runs_of_a_whole_boot_are_answered() -> None:
    """Forty runs, each of which empties and fills the device before, during and after."""
    with qmp.monitor_for([SETTER], 8 * 5) as monitor:
        assert monitor is not None
        qemu = Qemu(monitor.theirs)
        for _ in range(8 * 5 * 8):
            assert "now" in monitor.answer("virtio_mem", "all")
        assert len(qemu.told) == 8 * 5 * 8 + 1


def test_a_guest_that_can_ask_for_nothing_has_no_monitor() -> None:
    with qmp.monitor_for((), 5) as monitor:
        assert monitor is None


def test_once_qemu_has_not_answered_it_is_told_nothing_more(monitor: qmp.Monitor) -> None:
    """Its late answer would be taken for the answer to the next request."""
    monitor.theirs.sendall(b'{"QMP": {}}\r\n{"return": {}}\r\n')
    assert "did not set" in monitor.answer("virtio_mem", "all", 0.05)
    monitor.theirs.sendall(b'{"return": {}}\r\n')
    assert monitor.answer("virtio_mem", "none", 0.05) == "QEMU has not answered before; virtio_mem stays as it is"
    told = [json.loads(line) for line in monitor.theirs.recv(1 << 16).splitlines()]
    assert [each["arguments"].get("value") for each in told] == [None, 512 << 20]


def test_one_refusal_is_not_the_end(monitor: qmp.Monitor) -> None:
    qemu = Qemu(monitor.theirs, error="busy")
    assert "busy" in monitor.answer("virtio_mem", "all") and "busy" in monitor.answer("virtio_mem", "none")
    assert len(qemu.told) == 3


def test_events_do_not_make_a_request_last_longer(monitor: qmp.Monitor) -> None:
    """More of them than the socket holds: one who waits anew after each would still be reading."""
    stopped = threading.Event()

    def events() -> None:
        with contextlib.suppress(OSError):
            while not stopped.wait(0.01):
                monitor.theirs.sendall(b'{"event": "MEMORY_DEVICE_SIZE_CHANGE"}\r\n')
            monitor.theirs.shutdown(socket.SHUT_RDWR)

    thread = threading.Thread(target=events)
    threading.Timer(10, stopped.set).start()
    thread.start()
    try:
        assert "timed out" in monitor.answer("virtio_mem", "all", 0.2)
    finally:
        stopped.set()
        thread.join()


def test_that_qemu_refused_is_said(monitor: qmp.Monitor) -> None:
    Qemu(monitor.theirs, error="Property 'virtio-mem-pci.requested-size' not found")
    assert "not found" in monitor.answer("virtio_mem", "all")


def test_that_qemu_is_gone_is_said(monitor: qmp.Monitor) -> None:
    monitor.theirs.close()
    assert "did not set requested-size" in monitor.answer("virtio_mem", "all")


def test_each_request_of_a_guest_is_answered_once(tmp_path: Path) -> None:
    """A program in QEMU's place: it asks, waits for its answer on the descriptor that it was given, and ends."""
    script = (
        "import json, socket, sys\n"
        "fd = int(sys.argv[sys.argv.index('-chardev') + 1].rpartition('fd=')[2])\n"
        "file = socket.socket(fileno=fd).makefile('rwb')\n"
        "file.write(b'{\"QMP\": {}}\\r\\n'); file.flush()\n"
        "def answer():\n"
        "    told = json.loads(file.readline())\n"
        "    file.write(b'{\"return\": {}}\\r\\n'); file.flush()\n"
        "    return told\n"
        "out = open(sys.argv[1], 'ab', buffering=0)\n"
        "out.write(b'@@unmig ask virtio_mem all\\r\\n')\n"
        "answer(); told = [answer()]\n"
        "out.write(b'@@unmig ask virtio_mem none\\r\\n@@unmig ask virtio_mem half\\r\\n')\n"
        "told.append(answer())\n"
        "out.write(json.dumps([each['arguments']['value'] for each in told]).encode() + b'\\r\\n')\n"
    )
    (tmp_path / "qemu.py").write_text(script)
    command = [sys.executable, str(tmp_path / "qemu.py"), str(tmp_path / "results")]
    said: list[str] = []
    with contextlib.closing(qmp.Monitor([SETTER])) as monitor:
        ended = boot.run(command, tmp_path / "results", 60, said.append, monitor=monitor)
    assert ended.in_time and ended.code == 0, ended.complaint
    assert "[536870912, 0]" in said
    assert monitor.nr_answered == 2


SPEAKS = (
    "import json, socket, sys, time\n"
    "end = socket.socket(fileno=int(sys.argv[sys.argv.index('-chardev') + 1].rpartition('fd=')[2]))\n"
    "out = open(sys.argv[1], 'ab', buffering=0)\n"
)


def test_that_qemu_ended_is_seen_at_once(tmp_path: Path) -> None:
    """It closes its end and stays: where the lab had that end open too, it would wait for an answer."""
    script = SPEAKS + (
        "end.close()\n"
        "out.write(b'@@unmig ask virtio_mem all\\r\\n')\n"
        "out.write(b'@@unmig ask virtio_mem none\\r\\n')\n"
        "time.sleep(3)\n"
    )
    (tmp_path / "qemu.py").write_text(script)
    said: list[str] = []
    with qmp.monitor_for([SETTER], 1) as monitor:
        command = [sys.executable, str(tmp_path / "qemu.py"), str(tmp_path / "results")]
        boot.run(command, tmp_path / "results", 60, said.append, monitor=monitor)
    assert said and not any("timed out" in line for line in said)


def test_what_a_guest_asks_for_does_not_outlast_its_deadline(tmp_path: Path) -> None:
    """QEMU says hello and then nothing. Of the requests one is waited for, no longer than the guest may run."""
    script = SPEAKS + (
        "end.sendall(b'{\"QMP\": {}}\\r\\n')\nout.write(b'@@unmig ask virtio_mem all\\r\\n' * 15)\ntime.sleep(600)\n"
    )
    (tmp_path / "qemu.py").write_text(script)
    said: list[str] = []
    waited: list[float] = []
    with qmp.monitor_for([SETTER], 1) as monitor:
        assert monitor is not None
        answer = monitor.answer

        def answered(word: str, state: str, seconds: float) -> str:
            waited.append(seconds)
            return answer(word, state, seconds)

        monitor.answer = answered  # type: ignore[method-assign, assignment]
        command = [sys.executable, str(tmp_path / "qemu.py"), str(tmp_path / "results")]
        ended = boot.run(command, tmp_path / "results", 6, said.append, monitor=monitor)
    assert not ended.in_time
    assert 0 < waited[0] < 6 and "timed out" in said[0]
    assert len(waited) < 15, "one a turn, and the deadline is looked at between"


def test_a_real_qemu_resizes_the_device_of_the_shape(tmp_path: Path) -> None:
    """Stopped before its first instruction: what is looked at is the command line, and what the monitor does."""
    if shutil.which(tools.QEMU) is None:
        pytest.skip("no %s on this machine" % tools.QEMU)
    with contextlib.closing(qmp.Monitor(SHAPE.setters)) as monitor:
        process = subprocess.Popen(
            [tools.QEMU, "-S", "-accel", "tcg", "-nodefaults", "-display", "none", "-machine", "q35", "-smp", "2"]
            + [*SHAPE.machine, *monitor.arguments()],
            pass_fds=[monitor.theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
        try:
            assert monitor.answer("virtio_mem", "all") == (
                "requested-size of /machine/peripheral/vm0 is %d now" % (512 << 20)
            )
            assert monitor.answer("virtio_mem", "none").endswith("is 0 now")
        finally:
            process.kill()
            process.wait()


# What is booted


def test_no_other_guest_has_a_device_or_a_setter() -> None:
    assert [shape.name for shape in guest.SHAPES if shape.setters] == ["virtio"]
    assert {value for setter in SHAPE.setters for _, value in setter.values} == {0, 512 << 20}


def test_a_shape_can_be_a_key() -> None:
    assert len({shape: shape.name for shape in guest.SHAPES}) == len(guest.SHAPES)


def test_the_guest_loads_the_driver() -> None:
    loaded = guest.modules_script([CASES["vmsplice-pipe"]], [SHAPE])
    assert [line.split()[1] for line in loaded.splitlines()] == ["virtio_pci", "virtio_mem"]


@pytest.mark.parametrize("value, possible", [("y", True), ("m", True), ("n", False)])
def test_a_driver_may_be_a_module_that_is_to_be_had(value: str, possible: bool, tmp_path: Path) -> None:
    wanted = plan.jobs([CASES["vmsplice-pipe"]], ["virtio_mem"], 1)
    kernel = Kernel("made up", "6.1.0-test", Path("/none"), tmp_path, "CONFIG_VIRTIO_MEM=%s\n" % value)
    assert bool(plan.without(wanted, kernel)[0]) is possible
    bare = Kernel("made up", "6.1.0-test", Path("/none"), None, "CONFIG_VIRTIO_MEM=m\n")
    assert plan.without(wanted, bare)[1] == {"virtio_mem": "6.1.0-test was built without CONFIG_VIRTIO_MEM"}


# What the tracepoints say


# As 7.3.4 printed them, of a pass that left 2 MiB: from a guest that held pages with vmsplice(2).
HEAD = "     kworker/1:1-50      [001] .....    "
NONE_LEFT = (
    "mm_migrate_pages: nr_succeeded=0 nr_failed=0 nr_thp_succeeded=0 nr_thp_failed=0 nr_thp_split=0 nr_split=0"
    " mode=MIGRATE_SYNC reason=contig_range\n"
)
RUN = "work struct 00000000181433cf: function virtio_mem_run_wq [virtio_mem]\n"
PASS = (
    "          <idle>-0       [001] d.h4.    19.873424: workqueue_queue_work: work struct=00000000181433cf"
    " function=virtio_mem_run_wq [virtio_mem] workqueue=events_freezable req_cpu=8192 cpu=1\n"
    + (HEAD + "19.873820: workqueue_execute_start: " + RUN)
    + (HEAD + "21.828728: " + NONE_LEFT)
    + (HEAD + "21.828734: test_pages_isolated: start_pfn=0x100000 end_pfn=0x100200 fin_pfn=0x10000b ret=fail\n")
    + (HEAD + "21.835384: " + NONE_LEFT)
    + (HEAD + "21.835391: test_pages_isolated: start_pfn=0x100000 end_pfn=0x100200 fin_pfn=0x10000b ret=fail\n")
    + (HEAD + "21.847308: workqueue_execute_end: " + RUN)
)


def seen(text: str) -> Work:
    work = Work("virtio_mem_run_wq")
    work.take(text)
    return work


def test_the_worker_the_passes_and_what_was_not_had_are_read_off() -> None:
    work = seen(PASS)
    assert (work.pid, work.idle(), work.seconds) == (50, True, [1.973])
    assert (work.calls, work.nr_calls_failed) == ({"MIGRATE_SYNC contig_range": 2}, 0)
    assert work.not_had == [(0x100000, 0x100200, 0x10000B)] * 2


def lines(*events: str) -> str:
    head = "     kworker/1:2-87      [001] ..... "
    return "".join("%s%d.000000: %s\n" % (head, 10 + number, event) for number, event in enumerate(events))


QUEUED = (
    "workqueue_queue_work: work struct=00000000c0 function=virtio_mem_run_wq [virtio_mem] workqueue=x req_cpu=1 cpu=1"
)
BEGUN = "workqueue_execute_start: work struct 00000000c0: function virtio_mem_run_wq [virtio_mem]"
DONE = "workqueue_execute_end: work struct 00000000c0: function virtio_mem_run_wq [virtio_mem]"


@pytest.mark.parametrize(
    "events, idle",
    [
        ((), False),
        ((QUEUED,), False),
        ((QUEUED, BEGUN), False),
        ((QUEUED, BEGUN, DONE), True),
        ((QUEUED, BEGUN, QUEUED, DONE), False),  # it runs again at once: memory was removed meanwhile
        ((QUEUED, BEGUN, QUEUED, DONE, BEGUN), False),
        ((QUEUED, BEGUN, QUEUED, DONE, BEGUN, DONE), True),
        ((QUEUED, BEGUN, DONE.replace("virtio_mem_run_wq", "vmstat_update")), False),
        ((DONE, QUEUED, BEGUN), False),  # the first was begun before anybody looked
        ((DONE, QUEUED, BEGUN, DONE), True),
    ],
)
def test_it_is_idle_once_it_is_done_as_often_as_it_was_queued(events: Sequence[str], idle: bool) -> None:
    assert seen(lines(*events)).idle() is idle


def test_what_other_tasks_migrate_is_not_counted() -> None:
    moved = "mm_migrate_pages: nr_succeeded=1 nr_failed=2 nr_thp_succeeded=0 mode=MIGRATE_SYNC reason=contig_range"
    busy = "test_pages_isolated: start_pfn=0x200 end_pfn=0x400 fin_pfn=0x210 ret=fail"
    had = "test_pages_isolated: start_pfn=0x400 end_pfn=0x600 fin_pfn=0x600 ret=success"
    work = seen(lines(QUEUED, BEGUN, moved, busy, had))
    assert (work.calls, work.nr_calls_failed) == ({"MIGRATE_SYNC contig_range": 1}, 1)
    assert work.not_had == [(0x200, 0x400, 0x210)]
    work.take(lines(moved, busy).replace("-87 ", "-88 "))
    assert (work.calls, work.not_had) == ({"MIGRATE_SYNC contig_range": 1}, [(0x200, 0x400, 0x210)])


def test_lines_that_are_none_say_nothing() -> None:
    work = seen("CPU:1 [LOST 3 EVENTS]\n\n" + lines(QUEUED)[:40] + "\n" + "x" * 5000 + "\n")
    assert (work.nr_queued, work.pid) == (0, None)


ZONES = """\
Node 1, zone   Normal
  pages free     100
        spanned  131072
        managed  130048
Node 1, zone  Movable
  pages free     100
        spanned  131072
        present  131072
        managed  {managed}
        cma      0
Node 2, zone  Movable
        managed  7
"""


def test_what_is_managed_is_that_zones_alone() -> None:
    assert resize.managed(ZONES.format(managed=512), 1) == 512
    assert resize.managed(ZONES.format(managed=0), 1) == 0
    assert resize.managed(ZONES.format(managed=512), 2) == 7
    assert resize.managed("Node 1, zone   Normal\n        managed  9\n", 1) == 0


def test_the_device_is_as_large_as_its_region() -> None:
    """As 7.3.4 has it; without the addresses, as a plain user sees them, it is nothing."""
    text = (
        "00100000-1ffdbfff : System RAM\n"
        "140000000-15fffffff : virtio0\n"
        "  140000000-157ffffff : System RAM (virtio_mem)\n"
        "c000000000-c000003fff : virtio-pci-modern\n"
    )
    assert resize.spanned(text) == 512 << 20
    assert resize.spanned("00100000-1ffdbfff : System RAM\n") == 0


def test_a_function_of_a_module_keeps_its_name() -> None:
    text = "[<0>] virtio_mem_run_wq+0x16fb/0x1b30 [virtio_mem]\n[<0>] process_one_work+0x1cd/0x3c0\nworker_thread+1/2\n"
    expected = ["virtio_mem_run_wq+0x16fb/0x1b30", "process_one_work+0x1cd/0x3c0", "worker_thread+1/2"]
    assert processes.frames(text) == expected
    assert processes.frames("") == []


# The process that asks


@pytest.fixture
def tracefs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files in tracefs's place; the pipe is a file that has all that came so far."""
    work = tmp_path / "instances/unmigratable-work"
    for event in traced_work._EVENTS:
        (tmp_path / "events" / event).mkdir(parents=True)
        (work / "events" / event).mkdir(parents=True)
        (work / "events" / event / "enable").write_text("0\n")
    (tmp_path / "options").mkdir()
    (tmp_path / "options/record-cmd").write_text("1\n")
    (work / "trace_pipe").write_text("")
    monkeypatch.setattr(traced_work, "FOLDER", str(tmp_path))
    monkeypatch.setattr(traced_work, "_INSTANCE", str(work))
    return work


def test_the_tracepoints_are_switched_once_and_stay(tracefs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each switch patches code that runs, which an emulated processor does not always survive."""
    WorkTrace()
    assert {path.read_text() for path in tracefs.rglob("enable")} == {"1"}
    assert (tracefs.parents[1] / "options/record-cmd").read_text() == "0"
    for path in tracefs.rglob("enable"):
        path.write_text("1\n")
    WorkTrace()
    assert {path.read_text() for path in tracefs.rglob("enable")} == {"1\n"}


def test_without_tracepoints_it_is_said(tracefs: Path) -> None:
    shutil.rmtree(tracefs.parents[1] / "events")
    with pytest.raises(OSError, match="no tracepoints of work queues"):
        WorkTrace()


def resizer(
    tracefs: Path, monkeypatch: pytest.MonkeyPatch, answers: list[str], stops: list[bool] | None = None
) -> tuple[resize.Resizer, list[dict[str, Any]], Path]:
    """With a port that is a file: what is written to it has the driver work as the next of `answers` says."""
    port, told = tracefs / "port", list[dict[str, Any]]()
    port.write_text("")
    monkeypatch.setattr(resize, "PORT", str(port))
    monkeypatch.setattr(resize, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(resize, "managed_bytes", lambda node: 2 << 20)
    monkeypatch.setattr(resize, "device_bytes", lambda: 512 << 20)
    asks = resize._ask

    def ask(state: str) -> None:
        asks(state)  # which a port appends, and a file does not
        told.append({"asked": state})
        with open(tracefs / "trace_pipe", "a") as pipe:
            pipe.write(answers.pop(0) if answers else "")

    monkeypatch.setattr(resize, "_ask", ask)
    remaining = stops or []
    made = resize.Resizer(told.append, lambda: remaining.pop(0) if remaining else False)
    return made, told, port


def test_what_the_driver_did_is_answered_once_it_is_done(tracefs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, told, port = resizer(tracefs, monkeypatch, [PASS])
    answer = made.resize({"state": "none", "node": 1})
    assert qmp.asked(port.read_bytes()) == [("virtio_mem", "none")]
    assert told == [{"asked": "none"}, {"watched": 50}]
    assert (answer["left_bytes"], answer["stopped"], answer["pass_seconds"]) == (2 << 20, False, [1.973])
    assert len(answer["not_had"]) == 2


def test_asked_to_stop_it_asks_for_all_of_it_back(tracefs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = lines(QUEUED, BEGUN)
    ended = lines(QUEUED, DONE, BEGUN, DONE)
    made, told, _ = resizer(tracefs, monkeypatch, [begun, ended], [False, True])
    answer = made.resize({"state": "none", "node": 1})
    assert [each["asked"] for each in told if "asked" in each] == ["none", "all"]
    assert answer["stopped"] is True


def test_a_driver_that_does_not_fill_it_again_is_not_looked_at_without_end(
    tracefs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resize, "_UNANSWERED_SECONDS", 0.0)
    made, told, _ = resizer(tracefs, monkeypatch, [lines(QUEUED, BEGUN)], [False, True])
    remaining = iter([False, True])
    made.stop = lambda: next(remaining)  # asked once more it would raise
    with pytest.raises(OSError, match="not filled the device again"):
        made.resize({"state": "none", "node": 1})
    assert [each["asked"] for each in told if "asked" in each] == ["none", "all"]


def test_where_nobody_answers_it_says_so(tracefs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resize, "_UNANSWERED_SECONDS", 0.0)
    made, told, _ = resizer(tracefs, monkeypatch, [])
    with pytest.raises(OSError, match="nobody has resized the device"):
        made.resize({"state": "none", "node": 1})
    assert told == [{"asked": "none"}]


def not_permitted(pid: int, number: int) -> None:
    raise PermissionError(errno.EPERM, "not permitted")


def test_who_works_is_known_before_the_work_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    go = tmp_path / "go"

    def slow(self: resize.Resizer, order: dict[str, Any]) -> dict[str, Any]:
        self.tell({"watched": 4711})
        while not go.exists():
            if self.stop():
                raise InterruptedError(errno.EINTR, "asked to stop")
        return {"left_bytes": 0}

    monkeypatch.setattr(resize.Resizer, "resize", slow)
    child = MoverChild(os.sched_getaffinity(0))
    child.look = lambda pid: Blocked("D", "somewhere", ["virtio_mem_run_wq+1/2"]) if pid == 4711 else None
    try:
        made = child.ask({"mover": "virtio_mem"}, 3, lambda: None)
        assert not made.returned and child.watched == 4711
        assert made.blocked is not None and made.blocked.sleeps()
        go.touch()
        assert child.wait(10, lambda: None) is not None
        assert child.answer == {"done": True, "left_bytes": 0}
        # Root's process takes no signal of a run that is a plain user's by now, and takes a line.
        monkeypatch.setattr(attempts.os, "kill", not_permitted)
        child.interrupt()  # between orders it means nothing
        go.unlink()
        assert not child.ask({"mover": "virtio_mem"}, 0.5, lambda: None).returned
        child.interrupt()
        with pytest.raises(Disturbed, match="asked to stop"):
            child.wait(10, lambda: None)
    finally:
        go.touch()
        assert child.close()


def test_a_signal_does_not_break_off_what_is_being_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What it has read of the trace by then would be lost, and the driver be taken to be at work for ever."""
    go = tmp_path / "go"

    def slow(self: resize.Resizer, order: dict[str, Any]) -> dict[str, Any]:
        self.tell({"watched": 4711})
        while not go.exists():
            if self.stop():
                return {"stopped": True}
        return {"stopped": False}

    monkeypatch.setattr(resize.Resizer, "resize", slow)
    child = MoverChild(os.sched_getaffinity(0))
    child.look = lambda pid: None
    try:
        assert not child.ask({"mover": "virtio_mem"}, 2, lambda: None).returned and child.watched == 4711
        child.interrupt()
        assert child.wait(10, lambda: None) is not None
        assert child.answer == {"done": True, "stopped": True}
        assert not child.ask({"mover": "virtio_mem"}, 0.5, lambda: None).returned, "it was meant for the order before"
        go.touch()
        assert child.wait(10, lambda: None) is not None
        assert child.answer == {"done": True, "stopped": False}
    finally:
        go.touch()
        assert child.close()


def test_nothing_is_asked_while_an_order_is_under_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The answer to the order before would be taken for its own."""
    go = tmp_path / "go"

    def slow(self: resize.Resizer, order: dict[str, Any]) -> dict[str, Any]:
        while not go.exists():
            self.stop()
        return {"of": order["state"]}

    monkeypatch.setattr(resize.Resizer, "resize", slow)
    child = MoverChild(os.sched_getaffinity(0))
    try:
        assert not child.ask({"mover": "virtio_mem", "state": "none"}, 0.2, lambda: None).returned
        with pytest.raises(Disturbed, match="the order before"):
            child.ask({"mover": "virtio_mem", "state": "all"}, 0.2, lambda: None)
        go.touch()
        assert child.wait(10, lambda: None) is not None
        assert child.answer == {"done": True, "of": "none"}
        assert child.ask({"mover": "virtio_mem", "state": "all"}, 10, lambda: None).returned
        assert child.answer == {"done": True, "of": "all"}
    finally:
        go.touch()
        assert child.close()


# The mover


class Driver:
    """Stands for the mover's process and the driver behind it: the device is filled, or emptied as far as told."""

    def __init__(self, left_bytes: int | None = 0) -> None:
        self.child = processes.Child(os.getpid(), "none")
        self.busy, self.watched, self.size = False, 4711, 0
        self.answer: dict[str, Any] = {}
        self.states: list[str] = []
        self.stacks = [["folio_wait_bit_common+1/2", "virtio_mem_fake_offline+1/2"]]
        self.left_bytes = left_bytes
        self.not_had: list[list[int]] = []
        self.device_bytes = 512 << 20

    def ask(self, order: dict[str, Any], seconds: float, check: Callable[[], None]) -> Attempt:
        self.states.append(order["state"])
        self.busy = order["state"] == "none" and self.left_bytes is None
        if self.busy:
            self.answer = {}
            return Attempt(None, self.look(self.watched), {})
        self.size = 512 << 20 if order["state"] == "all" else self.left_bytes or 0
        self.answer = self.told()
        return Attempt(0.5, None, {})

    def told(self) -> dict[str, Any]:
        return {
            "done": True,
            "left_bytes": self.size,
            "device_bytes": self.device_bytes,
            "stopped": False,
            "pass_seconds": [1.9, 0.0],
            "migrate_calls": {"MIGRATE_SYNC contig_range": 86},
            "nr_calls_failed": 0,
            "not_had": self.not_had,
        }

    def look(self, pid: int) -> Blocked | None:
        assert pid == self.watched
        return Blocked("D", "0", self.stacks.pop() if len(self.stacks) > 1 else self.stacks[0])

    def interrupt(self) -> None:
        self.size, self.busy = 512 << 20, False
        self.answer = {**self.told(), "stopped": True}

    def wait(self, seconds: float, check: Callable[[], None]) -> float | None:
        self.busy = False
        self.answer = self.answer or self.told()
        return 5.0


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "virtio0").mkdir()
    monkeypatch.setattr(virtio_mem, "_DEVICES", str(tmp_path))
    monkeypatch.setattr(virtio_mem, "block_pages", lambda: BLOCK_PAGES)
    monkeypatch.setattr(syscalls, "bind_memory", lambda node: None)
    monkeypatch.setattr(zones, "read", lambda: [zones.Zone(1, "Movable", 32 * BLOCK_PAGES, 36 * BLOCK_PAGES)])
    return tmp_path


def made(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> VirtioMem:
    monkeypatch.setattr(resize, "managed_bytes", lambda node: driver.size)
    return VirtioMem(driver)  # type: ignore[arg-type]


def test_the_device_is_filled_tried_and_filled_again_before_anything_is_held(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Driver()
    mover = made(driver, monkeypatch)
    mover.stage(96)
    mover.stage(96)
    assert driver.states == ["all", "none", "all"]
    assert mover.before is True
    mover.close()
    assert driver.states == ["all", "none", "all"]


def test_what_was_left_is_told_and_is_no_success(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver()
    mover = made(driver, monkeypatch)
    mover.stage(96)
    driver.left_bytes = 2 << 20
    first = 35 * BLOCK_PAGES
    driver.not_had = [[first, first + BLOCK_PAGES, first + 20], [first, first + 512, first + 20]]
    mover.note_frames([], [first + 20, first + 21])
    assert mover.attempt([], 5, lambda: None).returned
    assert mover.met_target()
    mover.conclude()
    mover.conclude()
    operation = mover.operation()
    assert operation and (operation.before, operation.latest) == (True, False)
    assert operation.name == "unplug of a virtio-mem device (512 MiB, ZONE_MOVABLE)"
    facts = mover.facts()
    assert facts["ranges_not_had_per_try"] == "128 MiB 1, 2 MiB 1"
    assert facts["nr_target_first_in_use_per_try"] == "2"
    assert (facts["mib_left_per_try"], facts["driver_pass_seconds_per_try"]) == ("2", "1.9 0.0")


def test_a_driver_that_never_tried_the_targets_range_has_not_met_it(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Driver(left_bytes=512 << 20)
    mover = made(driver, monkeypatch)
    mover.note_frames([], [35 * BLOCK_PAGES])
    mover.attempt([], 5, lambda: None)
    assert not mover.met_target()


def test_a_worker_that_sleeps_for_another_reason_is_stopped_and_does_not_count_as_asleep(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked to stop, the process asks for the memory back, and the driver looks for that between its tries."""
    driver = Driver(left_bytes=None)
    driver.stacks = [["worker_thread+1/2"]]
    mover = made(driver, monkeypatch)
    attempt = mover.attempt([], 2, lambda: None)
    assert attempt.returned and mover.facts()["nr_stopped_by_signal"] == 1
    operation = mover.operation()
    assert operation and operation.latest is False
    assert not mover.sleeps(Blocked("D", "0", ["folio_wait_bit_common+1/2"]))
    assert not mover.sleeps(Blocked("S", "0", ["virtio_mem_run_wq+1/2"]))


def test_one_that_sleeps_at_one_place_is_left_there_and_answers_after_the_release(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Driver(left_bytes=None)
    mover = made(driver, monkeypatch)
    attempt = mover.attempt([], 2, lambda: None)
    assert not attempt.returned and attempt.blocked is not None and mover.sleeps(attempt.blocked)
    mover.settle()
    mover.conclude()
    operation = mover.operation()
    assert operation and operation.latest is None
    assert driver.states == ["all", "none"], "nothing is asked of a driver that sleeps"
    driver.size = 0
    driver.wait(1, lambda: None)
    mover.conclude()
    assert mover.facts()["mib_left_per_try"] == "0"


def test_page_cache_of_a_file_is_locked_so_that_it_is_moved_and_not_dropped(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = {1: 0, 2: 1 << pages.FLAGS["SWAPBACKED"], 3: 1 << pages.FLAGS["ANON"], 4: 1 << pages.FLAGS["WRITEBACK"]}
    locked: list[int] = []
    monkeypatch.setattr(pages, "frames_of", lambda addresses: [None if each == 9 else each for each in addresses])
    monkeypatch.setattr(pages, "flag_bits", lambda frames: [flags[frame] for frame in frames])
    monkeypatch.setattr(syscalls, "lock_pages", lambda address, nr_pages: locked.append(address))
    mover = made(Driver(), monkeypatch)
    mover.protect([1, 2])
    mover.keep([3, 4, 9])
    assert locked == [1, 4]
    assert mover.facts()["nr_pages_locked_in_memory"] == 2


def test_pages_of_two_blocks_do_not_fit(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mover = made(Driver(), monkeypatch)
    inside = 34 * BLOCK_PAGES
    assert mover.fits([inside, inside + 1])
    assert not mover.fits([inside - 1, inside])
    assert not mover.fits([inside, BLOCK_PAGES])
    assert not mover.fits([])


def test_a_device_that_does_not_fill_again_ends_the_run(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver()
    mover = made(driver, monkeypatch)
    mover.asked = resize.NONE
    driver.ask = lambda order, seconds, check: Attempt(None, None, {})  # type: ignore[method-assign]
    with pytest.raises(Disturbed, match="not filled again"):
        mover.settle()


@pytest.mark.parametrize("size", [0, 300 << 20, 512 << 20])
def test_a_run_has_the_device_filled_whatever_it_has(size: int, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver goes on with what an earlier run asked for, and may have been emptying it."""
    driver = Driver()
    driver.size = size
    assert made(driver, monkeypatch).size_bytes == 512 << 20
    assert driver.states == ["all"]


def test_a_device_that_is_filled_in_part_ends_the_run(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver()
    driver.device_bytes = 640 << 20
    with pytest.raises(Disturbed, match="of the device's 640 MiB the guest has 512"):
        made(driver, monkeypatch)


def test_a_device_that_is_not_emptied_with_nothing_held_ends_the_run(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Driver(left_bytes=None)
    mover = made(driver, monkeypatch)
    with pytest.raises(Disturbed, match="not emptied within 90 s"):
        mover.stage(96)
    assert mover.before is None and driver.states == ["all", "none"]
    mover.close()
    assert driver.states == ["all", "none"]


@pytest.mark.parametrize("error", [BrokenPipeError(errno.EPIPE, "gone"), Disturbed("the mover's process ended")])
def test_a_process_that_has_died_does_not_hide_why_a_run_ended(
    error: Exception, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Driver()
    mover = made(driver, monkeypatch)
    mover.attempt([], 5, lambda: None)
    bound: list[int | None] = []
    monkeypatch.setattr(syscalls, "bind_memory", bound.append)

    def gone(order: dict[str, Any], seconds: float, check: Callable[[], None]) -> Attempt:
        raise error

    driver.ask = gone  # type: ignore[method-assign]
    mover.close()
    assert bound == [None]


def test_without_a_device_there_is_nothing_to_ask_for(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "virtio0").rmdir()
    with pytest.raises(CannotRun, match="no virtio-mem device"):
        made(Driver(), monkeypatch)
    monkeypatch.setattr(virtio_mem, "_DEVICES", str(machine / "none"))
    with pytest.raises(CannotRun, match="no virtio-mem device"):
        made(Driver(), monkeypatch)
