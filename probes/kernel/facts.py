"""What is told about the machine: kernel release and version, a few configuration options and sysctls."""

from __future__ import annotations

import gzip
import os
import platform
import re
from typing import Any, Dict, Iterable, List

from probes.kernel.nodes import memory_nodes

_OPTIONS = (
    "COMPACTION", "CMA", "MEMORY_HOTPLUG", "MEMORY_HOTREMOVE", "MIGRATION", "FUSE_FS", "NUMA", "TRANSPARENT_HUGEPAGE",
    "MEMORY_FAILURE", "LRU_GEN", "CONTIG_ALLOC",
)  # fmt: skip
_OPTION = re.compile(r"CONFIG_(PREEMPT\w*|%s)=(.*)" % "|".join(_OPTIONS))

SYSCTLS = (
    "fs.fuse.default_request_timeout",
    "fs.fuse.max_request_timeout",
    "fs.pipe-max-size",
    "fs.pipe-user-pages-hard",
    "fs.pipe-user-pages-soft",
    "kernel.hung_task_panic",
    "kernel.hung_task_timeout_secs",
    "kernel.io_uring_disabled",
    "vm.compact_unevictable_allowed",
    "vm.compaction_proactiveness",
    "vm.defrag_mode",
    "vm.extfrag_threshold",
    "vm.unprivileged_userfaultfd",
)


def kernel(label: str = "") -> Dict[str, Any]:
    """The `kernel` of an envelope. What cannot be read stays absent."""
    system = os.uname()
    told: Dict[str, Any] = {
        "release": system.release,
        "architecture": platform.machine(),
        "nr_nodes": len(memory_nodes()),
    }
    version = _read("/proc/version").strip()[:300]
    if version:
        told["version"] = version
    if label:
        told["label"] = label
    told["config"] = options(_config_lines(system.release))
    told["sysctl"] = {name: value for name in SYSCTLS for value in sysctl(name)}
    return told


def command_line() -> Dict[str, str]:
    """How the kernel was started. For guests: on a machine in use it can name disks and hosts."""
    text = _read("/proc/cmdline").strip()[:2000]
    return {"cmdline": text} if text else {}


def options(lines: Iterable[str]) -> Dict[str, str]:
    """Those of the options that matter here and are set; `is not set` stays absent."""
    matches = (_OPTION.fullmatch(line.strip()) for line in lines)
    return {"CONFIG_" + match[1]: match[2].strip('"') for match in matches if match}


def sysctl(name: str) -> List[Any]:
    """Its value, as a number where it is one; empty where the kernel has none of that name."""
    text = _read("/proc/sys/" + name.replace(".", "/")).strip()
    if not text:
        return []
    return [int(text)] if re.fullmatch(r"-?\d{1,18}", text) else [text[:500]]


def _config_lines(release: str) -> List[str]:
    try:
        with gzip.open("/proc/config.gz", "rt", encoding="utf-8", errors="replace") as packed:
            return packed.read().splitlines()
    except OSError:
        return _read("/boot/config-" + release).splitlines()


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
