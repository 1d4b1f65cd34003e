"""The lab without a guest: what is asked for, what goes into an initramfs, and what comes back over a serial port."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagnosis.formats.faults import Unreadable
from probes.cases import CASES
from probes.command import cli
from probes.errors import CannotRun
from probes.lab import boot, cpio, guest, kernels, plan, serial, store, tools, userland
from probes.lab.guest import Job
from probes.lab.kernels import Kernel


def report(outcome: str, nr_runs: int = 1) -> bytes:
    run = {"case": "fuse-writeback", "mover": "offline", "outcome": outcome, "reason": "made up"}
    made = {
        "format": "unmigratable-report",
        "version": 1,
        "run_id": "made-up-by-a-test",
        "environment": "guest",
        "kernel": {"release": "6.1.0-test", "architecture": "x86_64"},
        "runs": [run] * nr_runs,
    }
    return json.dumps(made, indent=1).encode() + b"\n"


def measured(*outcomes: str) -> bytes:
    """A report with a run of each of these outcomes, and the numbers that give it."""
    made = json.loads(report("error"))
    made["runs"] = [_run(outcome) for outcome in outcomes]
    return json.dumps(made).encode() + b"\n"


def _run(outcome: str) -> dict[str, Any]:
    moved = 16 if outcome == "moves" else 0
    return {
        "case": "vmsplice-pipe",
        "mover": "move_pages",
        "area": "migrate_movable",
        "outcome": outcome,
        "reason": "made up",
        "control": {"nr_pages": 16, "nr_moved": 0 if outcome == "inconclusive" else 16},
        "target": {"nr_pages": 16, "nr_moved_while_held": moved, "nr_moved_after_release": 16},
        "attempt": {"returned": outcome != "hangs"},
    }


def written(job: str, body: bytes, digest: str | None = None, code: int = 0) -> bytes:
    """As the guest's first program writes it, and a serial port hands it on."""
    digest = digest or hashlib.sha256(body).hexdigest()
    text = b"@@unmig begin %s 5.1\n  .. staging memory\n@@unmig result %s %s\n" % (
        job.encode(),
        job.encode(),
        digest.encode(),
    )
    return (text + body + b"\n@@unmig end %s %d 9.9\n" % (job.encode(), code)).replace(b"\n", b"\r\n")


BOOT = b"@@unmig boot 4.77 6.1.0-test\r\n"


# The serial port


def test_two_results_come_whole() -> None:
    one, two = report("skipped"), report("error", 2)
    log = serial.read(BOOT + written("a-offline", one) + written("b-cma", two, code=125) + b"@@unmig done 20.1\r\n")
    assert (log.booted_seconds, log.release, log.done, log.unfinished) == (4.77, "6.1.0-test", True, [])
    assert log.results["a-offline"].body == one
    assert log.results["b-cma"].body == two
    assert log.results["b-cma"].code == 125


def test_a_result_cut_anywhere_is_no_result() -> None:
    whole = BOOT + written("a-offline", report("skipped"))
    end = whole.index(b"@@unmig end")
    for cut in range(0, end, 7):
        log = serial.read(whole[:cut])
        assert not log.results
        assert not log.done
    assert serial.read(whole[:end]).unfinished == ["a-offline"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(b"skipped", b"skip?ed"),
        lambda data: data.replace(b'"version"', b""),
        lambda data: data.replace(b"made-up", b"made-\xff"),
    ],
)
def test_a_damaged_result_says_so(damage: Callable[[bytes], bytes]) -> None:
    log = serial.read(damage(BOOT + written("a-offline", report("skipped"))))
    assert "not what the guest sent" in log.results["a-offline"].fault
    assert log.results["a-offline"].body == b""


def test_a_job_that_printed_nothing_says_so() -> None:
    log = serial.read(BOOT + written("a-offline", b"", code=130))
    assert "printed nothing (exit code 130)" in log.results["a-offline"].fault


def test_a_guest_that_fell_silent_in_a_result_does_not_hide_the_one_before() -> None:
    data = BOOT + written("a-offline", report("skipped")) + b"@@unmig begin b-cma 9\r\n@@unmig result b-cma 00\r\n{"
    log = serial.read(data)
    assert list(log.results) == ["a-offline"]
    assert log.unfinished == ["b-cma"]


@pytest.mark.parametrize(
    "data", [b"", b"\0\xff\n", b"@@unmig\n", b"@@unmig end\n@@unmig result x\n", b"@@unmig boot x y"]
)
def test_noise_is_nothing(data: bytes) -> None:
    log = serial.read(data)
    assert log.results == {}
    assert log.booted_seconds is None


def test_progress_is_what_the_probe_says_and_never_the_report() -> None:
    lines = serial.said(BOOT + written("a-offline", report("skipped")) + b"half a li")
    assert lines == ["boot 4.77 6.1.0-test", "begin a-offline 5.1", "  .. staging memory", "end a-offline 0 9.9"]


# What is kept


def test_a_rerun_asks_for_what_is_missing_alone(tmp_path: Path) -> None:
    kept = store.Store(tmp_path, "6.1.0-test", "")
    job = Job("fuse-writeback", "offline", 5)
    assert kept.missing([job]) == [job]
    kept.keep(job, report("skipped", 2))
    assert kept.missing([job]) == [Job("fuse-writeback", "offline", 3)]
    kept.keep(job, report("skipped", 3))
    assert kept.missing([job]) == []
    assert [path.name for path in kept.reports(job)] == [
        "fuse-writeback-offline.json",
        "fuse-writeback-offline.2.json",
    ]


def test_a_run_that_failed_is_made_again(tmp_path: Path) -> None:
    kept = store.Store(tmp_path, "6.1.0-test", "")
    job = Job("fuse-writeback", "offline", 1)
    kept.keep(job, report("error"))
    assert kept.missing([job]) == [job]
    kept.keep(job, report("skipped"))
    assert kept.missing([job]) == []
    assert len(kept.reports(job)) == 1


def test_what_is_damaged_on_disk_is_measured_again(tmp_path: Path) -> None:
    kept = store.Store(tmp_path, "6.1.0-test", "")
    job = Job("fuse-writeback", "offline", 1)
    kept.keep(job, report("skipped")).write_bytes(b"{")
    assert kept.missing([job]) == [job]


def test_what_the_server_would_not_take_is_not_kept(tmp_path: Path) -> None:
    kept = store.Store(tmp_path, "6.1.0-test", "")
    with pytest.raises(Unreadable):
        kept.keep(Job("fuse-writeback", "offline", 1), b'{"format": "unmigratable-report"}')
    assert not kept.folder.exists()


def test_builds_of_one_release_are_kept_apart(tmp_path: Path) -> None:
    names = {store.Store(tmp_path, "7.3.4", label).folder.name for label in ("", "base", "fix v3", "../../x")}
    assert names == {"guest-7.3.4", "guest-7.3.4-base", "guest-7.3.4-fix-v3", "guest-7.3.4-..-..-x"}


# What is booted


def kernel(config: str = "") -> Kernel:
    return Kernel("made up", "6.1.0-test", Path("/none"), None, config)


def test_what_can_leave_others_asleep_has_a_boot_of_its_own() -> None:
    wanted = plan.jobs([CASES["fuse-writeback"], CASES["vmsplice-pipe"]], None, 5)
    made = plan.guests(wanted, CASES)
    hanging = [each for each in made if each.jobs[0].case == "fuse-writeback"]
    assert all(len(each.jobs) == 1 for each in hanging)
    assert {each.jobs[0].mover for each in hanging} == {
        *("move_pages", "offline", "soft_offline", "compaction", "cma", "kcompactd", "direct_compaction"),
        *("mbind", "longterm_pin", "virtio_mem", "demotion", "numa_balancing"),
    }
    together = [[job.mover for job in each.jobs] for each in made if each.jobs[0].case == "vmsplice-pipe"]
    assert ["move_pages", "offline", "soft_offline", "mbind", "longterm_pin"] in together


def test_movers_that_cannot_reach_a_case_are_not_asked_for() -> None:
    assert "move_pages" not in {job.mover for job in plan.jobs([CASES["readahead-locked"]], None, 1)}


def test_a_kernel_without_cma_is_not_booted_for_it() -> None:
    wanted = plan.jobs([CASES["vmsplice-pipe"]], ["cma", "offline"], 1)
    possible, reasons = plan.without(wanted, kernel("CONFIG_MEMORY_HOTREMOVE=y\n# CONFIG_CMA is not set\n"))
    assert [job.mover for job in possible] == ["offline"]
    assert reasons == {"cma": "6.1.0-test was built without CONFIG_CMA"}


def test_of_a_kernel_without_a_known_configuration_everything_is_tried() -> None:
    wanted = plan.jobs([CASES["vmsplice-pipe"]], ["cma"], 1)
    assert plan.without(wanted, kernel()) == (wanted, {})


def test_each_run_has_a_boot_of_its_own_where_that_is_asked_for() -> None:
    """Runs of one boot are not independent of each other."""
    wanted = plan.jobs([CASES["vmsplice-pipe"], CASES["secretmem"]], ["kcompactd"], 3, holder="unprivileged")
    made = plan.guests(wanted, CASES, each_boots=True)
    assert [sorted(job.case for job in each.jobs) for each in made] == [["secretmem", "vmsplice-pipe"]] * 3
    assert {job.repeat for each in made for job in each.jobs} == {1}
    left = [plan.Job("vmsplice-pipe", "kcompactd", 1), plan.Job("secretmem", "kcompactd", 2)]
    assert [len(each.jobs) for each in plan.guests(left, CASES, each_boots=True)] == [2, 1]
    assert plan.guests([], CASES, each_boots=True) == []


def test_a_plain_holder_has_reports_of_its_own() -> None:
    (job,) = plan.jobs([CASES["vmsplice-pipe"]], ["kcompactd"], 1, holder="unprivileged")
    assert job.id == "vmsplice-pipe-kcompactd-unprivileged"
    arguments = job.arguments(5, "")
    assert arguments[arguments.index("--holder") + 1] == "unprivileged"
    assert "--holder" not in Job("vmsplice-pipe", "kcompactd", 1).arguments(5, "")


def test_a_refusal_is_an_answer_where_a_setting_may_refuse() -> None:
    cases = [CASES["aio-ring"], CASES["vmsplice-pipe"]]
    jobs = plan.jobs(cases, ["move_pages"], 1, holder="unprivileged", even_refused=True)
    assert ["--even-refused" in job.arguments(5, "") for job in jobs] == [True, False]
    (job,) = plan.jobs(cases[:1], ["move_pages"], 1, holder="unprivileged")
    assert "--even-refused" not in job.arguments(5, "")


def test_every_mover_has_a_machine() -> None:
    for shape in guest.SHAPES:
        for mover in shape.movers:
            assert guest.shape_for(mover) is shape


def test_a_label_stays_one_argument() -> None:
    script = guest.job_script([Job("vmsplice-pipe", "cma", 2)], 5, 'fix "v3"; reboot')
    assert script == (
        "job vmsplice-pipe-cma 204 run vmsplice-pipe --mover cma --repeat 2 --hold 12 --environment guest"
        " --json --scratch 128 --label 'fix \"v3\"; reboot'\n"
    )


@pytest.mark.parametrize("load, times", [(0.0, 1), (4.0, 1), (14.0, 3.5), (400.0, 4)])
def test_a_busy_host_gives_its_guests_more_time(load: float, times: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest.os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(guest.os, "cpu_count", lambda: 2)
    assert guest.slowdown() == times
    script = guest.job_script([Job("vmsplice-pipe", "cma", 2)], 5, "", guest.slowdown())
    assert script.split()[2] == str(int(204 * times))


@pytest.mark.parametrize(
    "job, mib",
    [
        (Job("vmsplice-pipe", "offline", 1), "128"),
        (Job("vmsplice-pipe", "compaction", 1), "256"),
        (Job("vmsplice-pipe", "compaction", 1, True), "256"),
    ],
)
def test_compaction_gets_more_targets_than_a_fresh_guest_has_pages_below(job: Job, mib: str) -> None:
    given = job.arguments(5, "")
    assert given[given.index("--scratch") + 1] == mib
    assert ("--spread" in given) is job.spread


def test_the_first_program_is_a_shell_script(tmp_path: Path) -> None:
    script = tmp_path / "init"
    script.write_text(guest.INIT)
    assert subprocess.run(["sh", "-n", str(script)], capture_output=True).stderr == b""


# Where kernels come from


@pytest.mark.parametrize(
    "wanted, says", [("No_Suite!", "is no suite"), ("/no/bzImage", "no file"), ("/no/a.deb", "no file")]
)
def test_a_kernel_that_is_none(wanted: str, says: str, tmp_path: Path) -> None:
    if ".deb" in wanted and not shutil.which("dpkg-deb"):
        pytest.skip("no dpkg-deb here")
    with pytest.raises(CannotRun, match=says):
        kernels.get(wanted, tmp_path)


def bzimage(path: Path, release: str) -> None:
    image = bytearray(4096)
    image[0x202:0x206] = b"HdrS"
    image[0x20E:0x210] = (0x400 - 0x200).to_bytes(2, "little")
    text = release.encode() + b" (me@here) #1 SMP\0"
    image[0x400 : 0x400 + len(text)] = text
    path.write_bytes(bytes(image))


def test_the_release_stands_in_a_bzimage(tmp_path: Path) -> None:
    path = tmp_path / "bzImage"
    bzimage(path, "7.4.0-rc1-mine")
    assert kernels.get(str(path), tmp_path).release == "7.4.0-rc1-mine"
    path.write_bytes(b"\0" * 4096)
    with pytest.raises(CannotRun, match="no bzImage"):
        kernels.get(str(path), tmp_path)


def module(depends: str, alias: str = "") -> bytes:
    info = "\0license=GPL\0depends=%s\0%sname=x\0vermagic=6.1\0" % (depends, "alias=%s\0" % alias if alias else "")
    return b"\x7fELF" + info.encode()


def test_modules_bring_what_they_depend_on(tmp_path: Path) -> None:
    import lzma

    (tmp_path / "fs").mkdir()
    (tmp_path / "fs/xfs.ko.xz").write_bytes(lzma.compress(module("libcrc32c,exp-orts", "fs-xfs")))
    (tmp_path / "fs/libcrc32c.ko").write_bytes(module(""))
    (tmp_path / "fs/exp-orts.ko").write_bytes(module("libcrc32c"))
    (tmp_path / "fs/other.ko").write_bytes(module(""))
    made = Kernel("made up", "6.1.0-test", Path("/none"), tmp_path, "CONFIG_CMA=y\n")
    found = kernels.modules_for(made, ["xfs", "not-there"])
    assert set(found) == {"xfs", "libcrc32c", "exp_orts"}
    assert kernels.modinfo(found["xfs"], "alias") == ["fs-xfs"]


# What is missing, and what is asked for


def test_what_is_missing_is_said_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "find", lambda name: None)
    with pytest.raises(CannotRun) as raised:
        tools.demand([tools.QEMU, tools.BUSYBOX])
    assert str(raised.value).endswith("apt-get install --no-install-recommends busybox-static qemu-system-x86")


@pytest.mark.parametrize(
    "arguments",
    [
        ["lab"],
        ["lab", "bookworm", "--cases", "no-such"],
        ["lab", "--bisect", "no-such"],
        ["lab", "one", "two", "--bisect", "vmsplice-pipe"],
        ["lab", "one", "--bisect", "vmsplice-pipe", "--cases", "fuse-writeback"],
        ["lab", "bookworm", "--hold", "61"],
        ["lab", "bookworm", "--repeat", "0"],
        ["lab", "bookworm", "--submit", "http://127.0.0.1:9", "--token-file", "/no/such/file"],
    ],
)
def test_usage(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    try:
        code = cli.main(arguments)
    except SystemExit as ended:
        code = ended.code  # type: ignore[assignment]
    assert code == 129


def test_kernels_that_are_none_leave_something_to_be_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(tools, "find", lambda name: "/bin/" + name)
    assert cli.main(["lab", "/no/bzImage", "--work", str(tmp_path)]) == 1
    assert "/no/bzImage: there is no file /no/bzImage" in capsys.readouterr().out


@pytest.mark.processes
@pytest.mark.parametrize(
    ("outcomes", "code"),
    [(["moves"], 0), (["hangs"], 1), (["moves", "refuses"], 1), (["inconclusive"], 125), (["error"], 125), ([], 125)],
)
@pytest.mark.skipif(tools.missing([tools.BUSYBOX]) != [], reason="no busybox here to make an initramfs of")
def test_a_bisection_is_told_what_was_measured_anew(
    outcomes: list[str], code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A program in the place of QEMU writes what the guest would; what an earlier sitting kept counts for nothing."""
    job = "vmsplice-pipe-move_pages"
    data = BOOT + written(job, measured(*outcomes)) + b"@@unmig done 20.1\r\n" if outcomes else b""
    (tmp_path / "qemu.py").write_text(f"import sys; open(sys.argv[1], 'ab').write({data!r})")
    bzimage(tmp_path / "bzImage", "7.4.0-rc1")
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(guest, "command", lambda *given: [sys.executable, str(tmp_path / "qemu.py"), given[4]])
    store.Store(tmp_path / "reports", "7.4.0-rc1", "").keep(Job("vmsplice-pipe", "move_pages", 1), measured("hangs"))
    asked = ["lab", str(tmp_path / "bzImage"), "--bisect", "vmsplice-pipe", "--work", str(tmp_path)]
    assert cli.main([*asked, "--movers", "move_pages"]) == code
    assert list(tmp_path.glob("bisect-*")) == []


@pytest.mark.parametrize(("kernel", "code"), [("/no/bzImage", 125), ("/etc/hostname", 125)])
def test_what_was_not_built_cannot_be_judged(
    kernel: str, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(tools, "find", lambda name: "/bin/" + name)
    assert cli.main(["lab", kernel, "--bisect", "vmsplice-pipe", "--work", str(tmp_path)]) == code


def test_a_bisection_without_qemu_stops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(tools, "find", lambda name: None)
    assert cli.main(["lab", "/no/bzImage", "--bisect", "vmsplice-pipe", "--work", str(tmp_path)]) == 129


# The initramfs


def test_folders_come_before_what_is_in_them() -> None:
    entries = cpio.with_folders([cpio.file("/a/b/c", b"1"), cpio.link("a/d", "b/c"), cpio.file("a/b/c", b"2")])
    assert [entry.name for entry in entries] == ["a", "a/d", "a/b", "a/b/c"]
    assert entries[-1].data == b"2"


@pytest.mark.skipif(shutil.which("cpio") is None, reason="no cpio here to read what was written")
def test_cpio_reads_it(tmp_path: Path) -> None:
    made = cpio.archive(
        [cpio.file("init", b"#!/bin/sh\n", executable=True), cpio.file("x/y", b"abc"), cpio.link("z", "x/y")]
    )
    subprocess.run(["cpio", "-idm", "--quiet"], input=made, cwd=tmp_path, check=True)
    assert (tmp_path / "x/y").read_bytes() == b"abc"
    assert os.access(tmp_path / "init", os.X_OK)
    assert os.readlink(tmp_path / "z") == "x/y"
    listing = subprocess.run(["cpio", "-t", "--quiet"], input=made, capture_output=True, check=True).stdout.split()
    assert listing == [b"init", b"x", b"x/y", b"z"]


# A guest's life


def stand_in(tmp_path: Path, script: str) -> list[str]:
    """A program in the place of QEMU that writes to the results' file."""
    path = tmp_path / "qemu.py"
    path.write_text(script)
    return [sys.executable, str(path), str(tmp_path / "results")]


def test_a_guest_that_ends_by_itself(tmp_path: Path) -> None:
    data = BOOT + written("a-offline", report("skipped")) + b"@@unmig done 20.1\r\n"
    command = stand_in(tmp_path, f"import sys; open(sys.argv[1], 'ab').write({data!r})")
    said: list[str] = []
    ended = boot.run(command, tmp_path / "results", 20, said.append)
    assert ended.in_time
    assert ended.log.done
    assert "begin a-offline 5.1" in said


def test_a_result_is_handed_over_while_the_guest_still_runs(tmp_path: Path) -> None:
    """The guest ends when its result was taken: were it handed over at the end alone, the guest would be ended."""
    data = BOOT + written("a-offline", report("skipped"))
    taken = tmp_path / "taken"
    script = (
        "import os, sys, time\n"
        f"open(sys.argv[1], 'ab').write({data!r})\n"
        f"while not os.path.exists({str(taken)!r}):\n"
        "    time.sleep(0.05)\n"
    )
    ended = boot.run(
        stand_in(tmp_path, script),
        tmp_path / "results",
        60,
        lambda line: None,
        lambda result: taken.write_text(result.job),
    )
    assert taken.read_text() == "a-offline"
    assert ended.in_time


def test_a_guest_that_hangs_is_ended_at_its_deadline_with_all_its_children(
    tmp_path: Path, until: Callable[..., None]
) -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open(sys.argv[1], 'ab').write({BOOT!r} + b'pid %d\\n' % child.pid)\n"
        "time.sleep(600)\n"
        f"open({str(tmp_path / 'woke')!r}, 'w')\n"
    )
    said: list[str] = []
    ended = boot.run(stand_in(tmp_path, script), tmp_path / "results", 4, said.append)
    assert not ended.in_time
    assert not (tmp_path / "woke").exists(), "it was not ended, and slept its ten minutes"
    assert ended.log.booted_seconds == 4.77
    assert not ended.log.done
    pid = next(int(line.split()[1]) for line in said if line.startswith("pid"))
    until(lambda: not os.path.exists(f"/proc/{pid}") or _is_dead(pid), 5, "the guest's child is still there")


def _is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_a_guest_dies_with_the_lab(root: Path, tmp_path: Path, until: Callable[..., None]) -> None:
    command = stand_in(
        tmp_path, "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    )
    results = str(tmp_path / "results")
    program = (
        f"from pathlib import Path\nfrom probes.lab import boot\nboot.run({command!r}, Path({results!r}), 60, print)"
    )
    lab: Any = subprocess.Popen([sys.executable, "-c", program], cwd=root)
    try:
        until(lambda: (tmp_path / "results").exists() and (tmp_path / "results").read_text(), 20, "no guest came up")
    finally:
        lab.kill()
        lab.wait()
    pid = int((tmp_path / "results").read_text())
    until(lambda: _is_dead(pid), 5, "the guest outlived the lab")


def test_what_qemu_complains_of_is_told(tmp_path: Path) -> None:
    command = stand_in(tmp_path, "import sys; sys.exit('qemu: no such machine')")
    ended = boot.run(command, tmp_path / "results", 20, lambda line: None)
    assert (ended.in_time, ended.code, ended.log.booted_seconds) == (True, 1, None)
    assert ended.complaint == "qemu: no such machine"


def test_the_probe_of_a_guest_is_the_archive_unpacked_and_compiled(tmp_path: Path) -> None:
    """It says that it is that archive, and starts from its compiled files."""
    archive = userland.probe()
    entries = userland.unpacked(archive)
    for entry in entries:
        path = tmp_path / entry.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(entry.data)
    place = str(tmp_path / userland.UNPACKED)
    code = "import sys; sys.path.insert(0, %r); import probes.archive.version as v; print(v.identity(), v.__cached__)"
    said = subprocess.run([sys.executable, "-I", "-c", code % place], capture_output=True, text=True, check=True)
    assert hashlib.sha256(archive).hexdigest() in said.stdout
    for path in (tmp_path / userland.UNPACKED).rglob("*.py"):
        path.write_text("raise SystemExit('compiled anew')\n")
    told = subprocess.run([sys.executable, "-I", place, "list"], capture_output=True, text=True, check=True)
    assert "fuse-writeback" in told.stdout


# What the guest loads


def test_a_guest_loads_what_its_cases_need() -> None:
    assert guest.modules_script([CASES["vmsplice-pipe"], CASES["secretmem"]]) == ""
    loaded = guest.modules_script(CASES[slug] for slug in ("fuse-writeback", "split-dirty-iomap", "readahead-locked"))
    assert [line.split()[1] for line in loaded.splitlines()] == ["fuse", "loop", "crc32c_generic", "xfs"]
    loaded = guest.modules_script([CASES["netfs-unresponsive-server"]])
    assert [line.split()[1] for line in loaded.splitlines()] == ["9p", "9pnet_fd"]
