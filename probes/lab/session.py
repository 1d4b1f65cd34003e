"""A sitting of the lab: kernel by kernel, guest by guest, each report kept and sent as soon as it is there."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from diagnosis.formats import envelope
from diagnosis.formats.faults import Unreadable
from probes.cases import CASES
from probes.errors import CannotRun
from probes.lab import boot, cpio, guest, kernels, plan, qmp, serial, settings, store, tools, userland
from probes.lab.guest import Job
from probes.lab.kernels import Kernel
from probes.lab.outbox import Address, Outbox
from probes.lab.settings import Setting

Say = Callable[[str], None]
Prepared = Tuple[Kernel, store.Store, Optional[Outbox]]
_BOOT_SECONDS = 120.0


@dataclass(frozen=True)
class Wishes:
    """What was asked for on the command line. `settings`: made in each guest before it measures. `origin`: what the lab
    knows of where the kernel comes from, for the reports (`envelope.ORIGIN`)."""

    kernels: Sequence[str]
    cases: Sequence[str]
    movers: Optional[Sequence[str]]
    repeat: int
    hold_seconds: float
    label: str
    accelerator: str
    work: Path
    out: Path
    spread: bool = False
    holder: str = "privileged"
    each_boots: bool = False
    address: Optional[Address] = None
    settings: Tuple[Setting, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Session:
    wishes: Wishes
    say: Say
    summary: List[Tuple[str, str, str]] = field(default_factory=list)
    nr_failed: int = 0
    prepared: List[Prepared] = field(default_factory=list)
    nr_boots: int = 0
    _base: bytes = b""

    def run(self) -> int:
        """0 where everything asked for has a result now; 1 where something is left to be done."""
        self.prepare()
        self.measure(self.wishes.repeat)
        return self.end()

    def prepare(self) -> None:
        """Have each kernel, before the first is booted."""
        tools.demand([tools.QEMU, tools.BUSYBOX, "ldd"])
        self.wishes.work.mkdir(parents=True, exist_ok=True)
        self.prepared = list(filter(None, map(self._ready, self.wishes.kernels)))

    def measure(self, repeat: int, most_a_boot: Optional[int] = None) -> None:
        """Boot for what is missing to `repeat` runs of everything; of each no more than `most_a_boot` in one guest."""
        for kernel, kept, outbox in self.prepared:
            try:
                self._kernel(kernel, kept, outbox, repeat, most_a_boot)
            except CannotRun as error:
                self._failed("%s: %s" % (kernel.name, error))

    def nr_missing(self, repeat: int) -> int:
        """How many runs are still to be made."""
        jobs = ((kept, job) for kernel, kept, _ in self.prepared for job in self._wanted(kernel, repeat)[0])
        return sum(left.repeat for kept, job in jobs for left in kept.missing([job]))

    def end(self) -> int:
        """Say what is there now, and whether it is everything: 0 or 1."""
        for kernel, kept, outbox in self.prepared:
            for job in self._wanted(kernel, self.wishes.repeat)[0]:
                self._sum_up(kernel, kept, job)
            if outbox is not None and outbox.nr_left:
                self._failed("%s: %d reports are still to be sent" % (kernel.name, outbox.nr_left))
        for guest_name, job_id, told in self.summary:
            self.say("%-30s %-36s %s" % (guest_name, job_id, told))
        return 1 if self.nr_failed else 0

    def _wanted(self, kernel: Kernel, repeat: int) -> Tuple[List[Job], Dict[str, str]]:
        wishes = self.wishes
        cases = [CASES[slug] for slug in wishes.cases]
        even_refused = (
            bool(wishes.settings) and wishes.holder == "unprivileged"
        )  # then the setting may be what refuses it
        wanted = plan.jobs(cases, wishes.movers, repeat, wishes.spread, wishes.holder, even_refused)
        return plan.without(wanted, kernel)

    def _ready(self, wanted: str) -> Optional[Prepared]:
        """A kernel, where its reports are kept, and who sends them: all of them before the first is booted."""
        try:
            kernel = kernels.get(wanted, self.wishes.work)
            kept = store.Store(self.wishes.out, kernel.release, self.wishes.label)
            return kernel, kept, self._outbox(kept)
        except CannotRun as error:
            self._failed("%s: %s" % (wanted, error))
            return None

    def _outbox(self, kept: store.Store) -> Optional[Outbox]:
        address = self.wishes.address
        return None if address is None else Outbox(kept.folder, address.sender(kept.folder.name, self.say), self.say)

    def _failed(self, why: str) -> None:
        self.say(why)
        self.nr_failed += 1

    def _kernel(
        self, kernel: Kernel, kept: store.Store, outbox: Optional[Outbox], repeat: int, most_a_boot: Optional[int]
    ) -> None:
        wanted, reasons = self._wanted(kernel, repeat)
        for mover, reason in reasons.items():
            self.say("%s: no %s: %s" % (kernel.name, mover, reason))
        if outbox is not None:
            outbox.catch_up(path for job in wanted for path in kept.reports(job))
        left = [replace(job, repeat=min(job.repeat, most_a_boot or job.repeat)) for job in kept.missing(wanted)]
        guests = plan.guests(left, CASES, self.wishes.each_boots)
        text = "%s is %s: %d of %d measurements to be made, in %d guests; reports go to %s"
        self.say(text % (kernel.name, kernel.release, len(left), len(wanted), len(guests), kept.folder))
        initramfs = self._initramfs(kernel) if guests else b""
        jobs = {job.id: job for job in left}
        for number, each in enumerate(guests, 1):
            self.say("guest %d of %d (%s): %s" % (number, len(guests), each.shape.name, _named(each.jobs)))
            self._guest(kernel, each, initramfs, lambda result: self._take(kept, outbox, jobs[result.job], result))
            self.nr_boots += 1

    def _initramfs(self, kernel: Kernel) -> bytes:
        """What all guests of a kernel share."""
        if not self._base:
            self._base = cpio.archive(userland.base(guest.INIT) + userland.unpacked(userland.probe()))
        shapes = list({job.shape.name: job.shape for job in self._wanted(kernel, 1)[0]}.values())
        found = kernels.modules_for(kernel, guest.modules((CASES[slug] for slug in self.wishes.cases), shapes))
        return self._base + cpio.archive(userland.modules(kernel, found))

    def _guest(self, kernel: Kernel, each: plan.Guest, initramfs: bytes, take: Callable[[serial.Result], None]) -> None:
        wishes = self.wishes
        folder = wishes.work / "guests" / kernel.release / ("%s-%s" % (each.shape.name, each.jobs[0].id))
        folder.mkdir(parents=True, exist_ok=True)
        script = guest.modules_script((CASES[job.case] for job in each.jobs), (each.shape,))
        script += settings.script(wishes.settings)
        slower = guest.slowdown()
        script += guest.job_script(list(each.jobs), wishes.hold_seconds, wishes.label, slower)
        image, results = folder / "initramfs", folder / "results"
        image.write_bytes(initramfs + cpio.archive([cpio.file("lab/jobs", script.encode())]))
        deadline = slower * (_BOOT_SECONDS + sum(job.timeout_seconds(wishes.hold_seconds) for job in each.jobs))
        arguments = " ".join(filter(None, (each.shape.kernel_arguments, settings.kernel_arguments(wishes.settings))))
        shape = replace(each.shape, kernel_arguments=arguments)
        command = guest.command(
            shape, str(kernel.image), str(image), str(folder / "console"), str(results), wishes.accelerator
        )
        began = time.monotonic()
        with qmp.monitor_for(shape.setters, sum(job.repeat for job in each.jobs)) as monitor:
            say = partial(self._progress, began)
            ended = boot.run(command, results, deadline, say, take, monitor)
        image.unlink()
        self._look_back(each, ended, folder)

    def _look_back(self, each: plan.Guest, ended: boot.Boot, folder: Path) -> None:
        if ended.log.booted_seconds is None:
            text = "the guest never came up within %.0f s (%s); its console is %s"
            self.say(text % (ended.seconds, ended.complaint or "QEMU said nothing", folder / "console"))
        elif not ended.in_time:
            self.say("the guest was ended at its deadline, after %.0f s" % ended.seconds)
        for job in each.jobs:
            if job.id not in ended.log.results:
                self.say("%s: no result came" % job.id)

    def _take(self, kept: store.Store, outbox: Optional[Outbox], job: Job, result: serial.Result) -> None:
        """Keep a result, then send it: what is in the lab's folder survives whatever comes."""
        if result.fault:
            self.say("%s: %s" % (job.id, result.fault))
            return
        try:
            path = kept.keep(job, _with_origin(result.body, self.wishes.origin))
        except Unreadable as error:
            self.say("%s: the guest's report cannot be read: %s" % (job.id, error))
            return
        self.say("kept %s" % path)
        if outbox is not None:
            outbox.send(path)

    def _sum_up(self, kernel: Kernel, kept: store.Store, job: Job) -> None:
        total: Dict[str, int] = {}
        for path in kept.reports(job):
            for name, nr in store.counts(path):
                total[name] = total.get(name, 0) + nr
        told = ", ".join("%d %s" % (nr, name) for name, nr in total.items()) or "nothing"
        self.summary.append((kept.folder.name, job.id, told))
        if kept.nr_runs(job) < job.repeat:
            self.nr_failed += 1

    def _progress(self, began: float, line: str) -> None:
        self.say("  %4.0f s  %s" % (time.monotonic() - began, line))


def _with_origin(body: bytes, origin: Mapping[str, str]) -> bytes:
    """A guest knows its kernel's release, and not from which tree and configuration it was built."""
    if not origin:
        return body
    report = json.loads(body)
    return json.dumps({**report, "minor": envelope.MINOR, "origin": dict(origin)}).encode()


def _named(jobs: Sequence[Job]) -> str:
    return ", ".join("%s x%d" % (job.id, job.repeat) for job in jobs)
