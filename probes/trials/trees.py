"""A kernel's source, and what is changed in it for a while: a Debian source package, or a developer's own tree.

The lab patches no tree but its own: a package is unpacked below its folder, of a git tree it makes a worktree there,
and of any other a copy. What is applied is noted beside it, so that a sitting that was killed in between is put right
by the next one.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Optional

from probes.errors import CannotRun
from probes.lab import tools
from probes.lab.mirror import Apt
from probes.trials.patches import Series

_PACKAGE = re.compile(r"(?P<suite>[a-z][a-z-]*)/(?P<package>linux-source-[a-z0-9.+~-]+)")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Tree:
    """`name`: for people, as `origin.tree`. `commit` is empty where it is none of git. `folder` is the lab's own."""

    name: str
    folder: Path
    commit: str = ""

    @property
    def identity(self) -> str:
        """Names the folder of its objects: the place of the source, since objects know it."""
        return hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]

    @property
    def note(self) -> Path:
        return self.folder.with_name(self.folder.name + ".applied")


def is_package(wanted: str) -> bool:
    """A source, in place of a kernel that somebody else built."""
    return _PACKAGE.fullmatch(wanted) is not None


def from_package(wanted: str, work: Path, say: Say) -> Tree:
    """SUITE/linux-source-VERSION, fetched and unpacked once. Raises CannotRun."""
    match = _PACKAGE.fullmatch(wanted)
    if match is None:
        raise CannotRun("%s is no SUITE/linux-source-VERSION" % wanted)
    tools.demand(["apt-get", "dpkg-deb", "tar", "xz", "patch"])
    apt = Apt(work / "apt", match["suite"])
    apt.update()
    packed = apt.fetch(match["package"], work / "packages" / match["package"])
    name = "%s %s" % (match["package"], packed.name.split("_")[1].replace("%3a", ":"))
    folder = work / "trees" / packed.stem
    if not (folder / "Makefile").exists():
        say("unpacking %s, some 2 GB" % packed.name)
        _unpack(packed, folder)
    return Tree("Debian " + name, folder)


def _unpack(packed: Path, folder: Path) -> None:
    """Under another name until it is whole: half a tree would be taken for one."""
    beside = folder.with_name(folder.name + ".new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    subprocess.run(["dpkg-deb", "-x", str(packed), str(beside / "package")], check=True)
    archives = sorted((beside / "package" / "usr/src").glob("linux-source-*.tar.xz"))
    if not archives:
        raise CannotRun("there is no source in %s" % packed.name)
    subprocess.run(["tar", "-xf", str(archives[0]), "-C", str(beside), "--strip-components=1"], check=True)
    shutil.rmtree(beside / "package")
    beside.rename(folder)


def from_folder(path: Path, work: Path, say: Say) -> Tree:
    """A developer's own tree, as it was committed; one without git as it lies there. Raises CannotRun."""
    tools.demand(["patch"])
    if not (path / "Kbuild").is_file():
        raise CannotRun("%s is no kernel tree" % path)
    path = path.resolve()
    folder = work / "trees" / ("%s-%s" % (path.name, hashlib.sha256(str(path).encode()).hexdigest()[:8]))
    folder.parent.mkdir(parents=True, exist_ok=True)
    if (path / ".git").exists():
        return _worktree(path, folder, say)
    say("copying %s" % path)
    tools.demand(["rsync"])
    subprocess.run(["rsync", "-a", "--delete", "--exclude=*.o", "%s/" % path, "%s/" % folder], check=True)
    return Tree(path.name, folder)


def _worktree(path: Path, folder: Path, say: Say) -> Tree:
    tools.demand(["git"])
    commit = _git(path, "rev-parse", "HEAD")
    if _git(path, "status", "--porcelain", "--untracked-files=no"):
        say("%s has changes that are not committed: they are not measured" % path)
    if folder.exists():
        tree = Tree(path.name, folder, commit)
        take_back(tree, say)
        _git(folder, "checkout", "--quiet", "--detach", commit)
        return tree
    _git(path, "worktree", "add", "--quiet", "--detach", str(folder), commit)
    return Tree(path.name, folder, commit)


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True)
    if done.returncode:
        raise CannotRun("git %s: %s" % (words[0], done.stderr.strip()[-300:]))
    return done.stdout.strip()


def apply(tree: Tree, series: Series, say: Say) -> None:
    """Change the tree. Raises CannotRun, with what `patch` said and the tree as before, where it does not apply."""
    take_back(tree, say)
    tried = _patch(tree, series.text, "--dry-run")
    if tried.returncode:
        raise CannotRun("%s does not apply to %s:\n%s" % (series.name, tree.name, tried.stdout.decode()[-2000:]))
    tree.note.write_bytes(series.text)
    say(_patch(tree, series.text).stdout.decode().strip())


def take_back(tree: Tree, say: Say) -> None:
    """The tree without what was applied, also where a sitting was killed in the middle of applying it."""
    if not tree.note.exists():
        return
    text = tree.note.read_bytes()
    if _patch(tree, text, "--reverse", "--dry-run").returncode == 0:
        _patch(tree, text, "--reverse")
    elif _patch(tree, text, "--dry-run").returncode:
        raise CannotRun("%s is half patched; remove it and its .applied, and it is made anew" % tree.folder)
    tree.note.unlink()


def _patch(tree: Tree, text: bytes, *options: str) -> "subprocess.CompletedProcess[bytes]":
    sure = "--force" if "--reverse" in options else "--forward"
    command = ["patch", "-p1", sure, "--no-backup-if-mismatch", "--reject-file=-"]
    return subprocess.run(
        [*command, *options], input=text, cwd=tree.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def files(series: Optional[Series]) -> List[str]:
    """Which files a series changes, for people."""
    if series is None:
        return []
    return sorted(set(re.findall(r"(?m)^\+\+\+ [^/\s]+/(\S+)", series.text.decode("utf-8", "replace"))))
