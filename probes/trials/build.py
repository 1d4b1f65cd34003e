"""A kernel built from a small configuration: the base once, and after a patch only what the patch changes.

The objects stay in one folder a tree, images are kept by tree, configuration and patch, so that a sitting that goes on
builds nothing again.
"""

from __future__ import annotations

import hashlib
import os
import pkgutil
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional

from probes.errors import CannotRun
from probes.lab import tools
from probes.trials import trees
from probes.trials.patches import Series
from probes.trials.trees import Tree

_PROGRAMS = ["gcc", "make", "flex", "bison", "bc"]
_HEADERS = {"/usr/include/gelf.h": "libelf-dev"}
_SAY_SECONDS = 30.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Built:
    """`image` lies beside its configuration. `origin`: what the reports say of it, as `envelope.ORIGIN` names it."""

    image: Path
    origin: Dict[str, str]


def fragment() -> bytes:
    """What is switched on; everything else is off (`make allnoconfig`)."""
    data = pkgutil.get_data("probes.trials", "kernel.config")
    assert data is not None
    return data


def demand() -> None:
    """Raises CannotRun with one sentence that names the packages."""
    lacking = [name for name in _PROGRAMS if tools.find(name) is None]
    lacking += [package for header, package in _HEADERS.items() if not Path(header).exists()]
    if lacking:
        text = "building a kernel needs %s: apt-get install --no-install-recommends %s"
        raise CannotRun(text % (", ".join(lacking), " ".join(lacking)))


def build(tree: Tree, series: Optional[Series], work: Path, say: Say, config: Optional[Path] = None) -> Built:
    """The tree, with the series where there is one. Raises CannotRun with the end of what make said."""
    wanted = config.read_bytes() if config else fragment()
    name = hashlib.sha256(wanted).hexdigest()[:12] + ("-" + series.digest if series else "-base")
    folder = work / "images" / tree.folder.name / (tree.commit[:12] + name)
    if not (folder / "bzImage").exists():
        demand()
        trees.apply(tree, series, say) if series else trees.take_back(tree, say)
        objects = _configured(tree, wanted, work)
        _make(tree, objects, "bzImage", say)
        _keep(objects, folder)
    else:
        say("built before: %s" % folder)
    return Built(folder / "bzImage", _origin(tree, series, folder / "config"))


def _configured(tree: Tree, wanted: bytes, work: Path) -> Path:
    objects = work / "objects" / tree.identity
    objects.mkdir(parents=True, exist_ok=True)
    chosen = objects / "lab.config"
    if not (objects / ".config").exists() or not chosen.exists() or chosen.read_bytes() != wanted:
        chosen.write_bytes(wanted)
        _run(tree, objects, ["allnoconfig"], KCONFIG_ALLCONFIG=str(chosen))
    return objects


def _make(tree: Tree, objects: Path, target: str, say: Say) -> None:
    began = told = time.monotonic()
    log = objects / "lab.log"
    nr_jobs = len(os.sched_getaffinity(0))
    with open(log, "wb") as out:
        process = subprocess.Popen(
            ["make", "-C", str(tree.folder), "O=%s" % objects, "-j%d" % nr_jobs, target],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                try:
                    process.wait(1)
                except subprocess.TimeoutExpired:
                    pass
                if time.monotonic() - told >= _SAY_SECONDS:
                    told = time.monotonic()
                    say("  %4.0f s  %d steps of make" % (told - began, _nr_steps(log)))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)  # make alone would leave the makes below it at work
                process.wait()
    if process.returncode:
        end: List[str] = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()][-20:]
        raise CannotRun("make %s failed, all of it is in %s:\n%s" % (target, log, "\n".join(end)))
    say("built in %.0f s, %d steps of make" % (time.monotonic() - began, _nr_steps(log)))


def _nr_steps(log: Path) -> int:
    return sum(1 for line in log.read_bytes().splitlines() if line.startswith(b"  "))


def _run(tree: Tree, objects: Path, targets: List[str], **more: str) -> None:
    command = ["make", "-s", "-C", str(tree.folder), "O=%s" % objects, *targets]
    done = subprocess.run(command, capture_output=True, text=True, env={**_environment(), **more})
    if done.returncode:
        raise CannotRun("make %s failed:\n%s" % (" ".join(targets), (done.stdout + done.stderr)[-2000:]))


def _environment() -> Dict[str, str]:
    """Time, user and host are kept out of the image, and of everybody's reports."""
    own = {"KBUILD_BUILD_TIMESTAMP": "@0", "KBUILD_BUILD_USER": "lab", "KBUILD_BUILD_HOST": "lab", "LC_ALL": "C"}
    return {**os.environ, **own}


def _keep(objects: Path, folder: Path) -> None:
    beside = folder.with_name(folder.name + ".new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    shutil.copy(objects / "arch/x86/boot/bzImage", beside / "bzImage")
    shutil.copy(objects / ".config", beside / "config")
    beside.rename(folder)


def _origin(tree: Tree, series: Optional[Series], config: Path) -> Dict[str, str]:
    known = {
        "tree": tree.name,
        "commit": tree.commit,
        "config_sha256": hashlib.sha256(config.read_bytes()).hexdigest(),
        "patch_id": series.patch_id if series else "",
    }
    return {name: value for name, value in known.items() if value}
