"""The guest's own part: its first program, and the virtual machines that movers want."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from probes.lab import tools
from probes.run.experiment import Case

MARK = "@@unmig"
_LEAST_SECONDS = {
    "cma": 12.0,
    "compaction": 12.0,
    "kcompactd": 26.0,
    "direct_compaction": 26.0,
    "khugepaged": 12.0,
    "virtio_mem": 15.0,
    "numa_balancing": 20.0,  # emulated, the scanner takes 1 to 3 s to come round
}
_STAGED_AT_LENGTH = ("kcompactd", "direct_compaction")
_WITH_MUCH_SCRATCH = ("compaction", "kcompactd", "direct_compaction")
_LEAST_SPREAD_SECONDS = 20.0
_RAM = "memory-backend-ram"
_WITH_ZONE_MOVABLE = "offline"  # a mover that has to have one


@dataclass(frozen=True)
class Setter:
    """What a guest may have set of itself by a word (`qmp.Monitor`): a property of a device, to one of these values."""

    word: str
    path: str
    property: str
    values: Tuple[Tuple[str, int], ...]  # by word, and no dict: a shape is hashed


@dataclass(frozen=True)
class Shape:
    """A virtual machine. `needs`: an option without which the kernel has nothing to show in it."""

    name: str
    movers: Tuple[str, ...]
    machine: Tuple[str, ...]
    kernel_arguments: str
    needs: Optional[str] = None
    modules: Tuple[str, ...] = ()
    setters: Tuple[Setter, ...] = ()


def _hmat(node: int, latency_ns: int, bytes_per_second: int) -> Tuple[str, ...]:
    """What the firmware says of a node's memory, seen from the processors of node 0."""
    place = "hmat-lb,initiator=0,target=%d,hierarchy=memory,data-type=" % node
    return (
        *("-numa", place + "access-latency,latency=%d" % latency_ns),
        *("-numa", place + "access-bandwidth,bandwidth=%dM" % (bytes_per_second >> 20)),
    )


_TWO_NODES = (
    *("-m", "1024,slots=4,maxmem=4G", "-object", _RAM + ",id=m0,size=512M", "-object", _RAM + ",id=m1,size=512M"),
    *("-numa", "node,nodeid=0,cpus=0-1,memdev=m0", "-numa", "node,nodeid=1,memdev=m1"),
)
SHAPES = (
    # Two nodes of 512 MiB, and on the second a DIMM of 512 MiB more that comes online as ZONE_MOVABLE.
    Shape(
        "nodes",
        ("move_pages", "offline", "soft_offline", "mbind", "longterm_pin"),
        (
            *_TWO_NODES,
            "-object",
            _RAM + ",id=hp0,size=512M",
            "-device",
            "pc-dimm,id=dimm0,memdev=hp0,node=1",
        ),
        "memhp_default_state=online_movable",
        "MEMORY_HOTREMOVE",
    ),
    # As `nodes`, with a virtio-mem device in the DIMM's place. It is empty until the mover asks for it to be filled.
    Shape(
        "virtio",
        ("virtio_mem",),
        (
            *_TWO_NODES,
            "-object",
            _RAM + ",id=vmem0,size=512M",
            "-device",
            "virtio-mem-pci,id=vm0,memdev=vmem0,node=1,requested-size=0",
        ),
        "memhp_default_state=online_movable",
        "VIRTIO_MEM",
        ("virtio_pci", "virtio_mem"),
        (Setter("virtio_mem", "/machine/peripheral/vm0", "requested-size", (("none", 0), ("all", 512 << 20))),),
    ),
    # One node and little of it, all in one zone, so that what is free can be made holes and nothing else.
    Shape("fragmented", ("kcompactd", "direct_compaction"), ("-m", "1536"), "", "COMPACTION"),
    Shape("plain", ("compaction", "split", "khugepaged"), ("-m", "2560"), ""),
    # Memory in two tiers: a node without processors, which the firmware's table (HMAT) says is four times as far.
    Shape(
        "tiers",
        ("demotion",),
        (
            *("-machine", "hmat=on", "-m", "1536"),
            *("-object", _RAM + ",id=m0,size=1024M", "-object", _RAM + ",id=m1,size=512M"),
            *("-numa", "node,nodeid=0,cpus=0-1,memdev=m0", "-numa", "node,nodeid=1,memdev=m1,initiator=0"),
            *_hmat(0, 10, 10 << 30),
            *_hmat(1, 40, 5 << 30),
        ),
        "numa_balancing=disable",  # it would bring back what was demoted and is used
        "LRU_GEN",
    ),
    # 1 GiB of CMA between 1 and 2 GiB, and as little beside it as boots: movable memory then comes out of CMA.
    # nokaslr, since a kernel that lands in the middle leaves no GiB in one piece.
    Shape("cma", ("cma",), ("-m", "2304"), "hugetlb_cma=1G nokaslr", "CMA"),
    # As `nodes`, with a CPU on each: a page goes to the node of the CPU that uses it.
    Shape(
        "balanced",
        ("numa_balancing",),
        (
            *("-smp", "2,sockets=2", "-m", "1024,slots=4,maxmem=4G"),
            *("-object", _RAM + ",id=m0,size=512M", "-object", _RAM + ",id=m1,size=512M"),
            *("-numa", "node,nodeid=0,cpus=0,memdev=m0", "-numa", "node,nodeid=1,cpus=1,memdev=m1"),
            *("-object", _RAM + ",id=hp0,size=512M", "-device", "pc-dimm,id=dimm0,memdev=hp0,node=1"),
        ),
        "memhp_default_state=online_movable",
        "NUMA_BALANCING",
    ),
)
_DEBUG = '"file mm/memory_hotplug.c +p; file mm/page_alloc.c +p; file mm/cma.c +p"'
# A probe keeps the device open that it mounts. Debian's kernels allow that (CONFIG_BLK_DEV_WRITE_MOUNTED); those built
# by the lab said EBUSY to every mount. no_timer_check: a kernel counts ticks at its start, and panics where an emulated
# timer on a busy host brings too few ("IO-APIC + timer doesn't work!", seen in six boots at a load of 20 to 48).
_ARGUMENTS = (
    "console=ttyS0 loglevel=7 panic=-1 mitigations=off no_timer_check log_buf_len=8M page_owner=on "
    "bdev_allow_write_mounted=1 dyndbg=" + _DEBUG
)


def shape_for(mover: str) -> Shape:
    return next(shape for shape in SHAPES if mover in shape.movers)


def command(shape: Shape, image: str, initramfs: str, console: str, results: str, accelerator: str) -> List[str]:
    """QEMU, with the kernel's console and our results each on a serial port of its own."""
    accel = ["-accel", "kvm", "-cpu", "host"] if accelerator == "kvm" else ["-accel", "tcg,thread=multi", "-cpu", "max"]
    return [
        tools.QEMU,
        *accel,
        *("-smp", "2", "-nodefaults", "-display", "none", "-no-reboot", "-machine", "q35"),
        *shape.machine,
        *("-kernel", image, "-initrd", initramfs),
        *("-append", " ".join(filter(None, (_ARGUMENTS, shape.kernel_arguments)))),
        *("-serial", "file:" + console, "-serial", "file:" + results),
    ]


@dataclass(frozen=True)
class Job:
    """One case with one mover, `repeat` times, in one call of the guest's probe."""

    case: str
    mover: str
    repeat: int
    spread: bool = False
    holder: str = "privileged"
    even_refused: bool = False

    @property
    def shape(self) -> Shape:
        """Order-9 allocations are counted on a node, and in a ZONE_MOVABLE, of their own."""
        return shape_for(_WITH_ZONE_MOVABLE if self.spread else self.mover)

    @property
    def id(self) -> str:
        plain = "-unprivileged" if self.holder == "unprivileged" else ""
        return "%s-%s%s%s" % (self.case, self.mover, "-spread" if self.spread else "", plain)

    def hold_seconds(self, wanted: float) -> float:
        """How long it holds: `wanted`, or longer where an emulated processor needs seconds of the hold to find the
        held frames in a GiB of CMA, to make targets out of compaction's scratch memory, or to ask for all huge pages
        (`spread`)."""
        least = _LEAST_SPREAD_SECONDS if self.spread else _LEAST_SECONDS.get(self.mover, 0.0)
        return max(wanted, least)

    def arguments(self, hold_seconds: float, label: str) -> List[str]:
        hold = "%g" % self.hold_seconds(hold_seconds)
        made = ["run", self.case, "--mover", self.mover, "--repeat", str(self.repeat), "--hold", hold]
        made += ["--environment", "guest", "--json", "--scratch", str(self._scratch_mib())]
        made += ["--spread"] if self.spread else []
        made += ["--holder", self.holder] if self.holder != "privileged" else []
        made += ["--even-refused"] if self.even_refused else []
        return made + (["--label", label] if label else [])

    def _scratch_mib(self) -> int:
        """Compaction moves what lies lowest first, and in a guest that was just booted this is what its initramfs was
        unpacked to. Seen on 6.1.176 with the tracepoints of compaction: 16 278 targets of 128 MiB were used up for it,
        and the scanners met 70 MiB up, before the control."""
        return 256 if self.mover in _WITH_MUCH_SCRATCH else 128

    def timeout_seconds(self, hold_seconds: float) -> float:
        """When the guest ends the job, however far it is. Emulated, a run takes some 15 s beside the hold, with
        `spread` up to 60. On a host with six times the work it can do, 80 s for one run and its start were not enough,
        and to stage memory that is fragmented took 111 s alone."""
        return 60.0 + self.repeat * (
            self.hold_seconds(hold_seconds)
            + (300.0 if self.mover in _STAGED_AT_LENGTH else 120.0 if self.spread else 60.0)
        )


def slowdown() -> float:
    """How many times longer than on a quiet host things may take, by the load of this one: 1 to 4. At a load of 14 on
    two processors the guest's Python alone took 100 s to start, and every job was ended at its time."""
    return min(4.0, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1) / 2))


def modules_script(cases: Iterable[Case], shapes: Sequence[Shape] = ()) -> str:
    return "".join("modprobe %s 2>/dev/null\n" % name for name in modules(cases, shapes))


def modules(cases: Iterable[Case], shapes: Sequence[Shape] = ()) -> List[str]:
    """What these cases need in guests of these shapes. To load all that some case needs took an emulated guest 20 s on
    a busy host."""
    wanted: Dict[str, None] = dict.fromkeys(name for shape in shapes for name in shape.modules)
    for case in cases:
        of_a_disk = "loop crc32c_generic" if case.filesystem and case.modules == case.filesystem else ""
        wanted.update(dict.fromkeys(" ".join((*case.devices, of_a_disk, case.modules)).replace("/dev/", "").split()))
    return list(wanted)


def job_script(jobs: List[Job], hold_seconds: float, label: str, slower: float = 1.0) -> str:
    """`slower`: how many times longer a job may take."""
    lines = (
        "job %s %d %s"
        % (job.id, slower * job.timeout_seconds(hold_seconds), shlex.join(job.arguments(hold_seconds, label)))
        for job in jobs
    )
    return "\n".join(lines) + "\n"


# /dev/ttyS1 carries the results: `begin`, what the probe says meanwhile, `result` with a digest, the report, `end`.
INIT = r"""#!/bin/busybox sh
export PATH=/bin:/usr/bin:/sbin:/usr/sbin HOME=/root PYTHONDONTWRITEBYTECODE=1
/bin/busybox mkdir -p /sbin /usr/sbin /usr/bin
/bin/busybox --install -s /bin
ln -s /bin/busybox /sbin/modprobe
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
mkdir -p /dev/shm; mount -t tmpfs t /dev/shm
mount -t debugfs d /sys/kernel/debug; mount -t tracefs t /sys/kernel/tracing
exec 3>/dev/ttyS1
uptime() { cut -d' ' -f1 /proc/uptime; }
echo "MARK boot $(uptime) $(uname -r)" >&3
ip link set lo up 2>/dev/null
job() {
    id=$1; seconds=$2; shift 2
    echo "MARK begin $id $(uptime)" >&3
    timeout -s INT -k 20 "$seconds" python3 -I /lab/probe "$@" >/lab/out 2>&3 </dev/null
    code=$?
    echo "MARK result $id $(sha256sum </lab/out | cut -d' ' -f1)" >&3
    cat /lab/out >&3
    echo >&3
    echo "MARK end $id $code $(uptime)" >&3
}
. /lab/jobs
echo "MARK done $(uptime)" >&3
sync; sleep 1
echo o >/proc/sysrq-trigger
sleep 10; poweroff -f
""".replace("MARK", MARK)  # fmt: skip


def names() -> Dict[str, Shape]:
    return {shape.name: shape for shape in SHAPES}
