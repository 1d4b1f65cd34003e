"""A way out measured, without a guest: settings, patches, a kernel that is built, and two arms in turn."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagnosis.formats import envelope
from diagnosis.formats.faults import Unreadable
from probes.command import cli, trial
from probes.errors import CannotRun
from probes.lab import kernels, session, settings
from probes.lab.kernels import Kernel
from probes.lab.serial import Result
from probes.lab.session import Session, Wishes
from probes.lab.settings import Setting
from probes.trials import build, patches, sitting, trees
from tests.probes.test_probe_lab import measured

ROOT = Path(__file__).resolve().parents[2]

# Settings


@pytest.mark.parametrize(
    "text, file",
    [
        ("fs.fuse.default_request_timeout=15", "/proc/sys/fs/fuse/default_request_timeout"),
        ("vm.compact_unevictable_allowed=0", "/proc/sys/vm/compact_unevictable_allowed"),
        ("/sys/kernel/mm/lru_gen/enabled=0", "/sys/kernel/mm/lru_gen/enabled"),
        ("memhp_default_state=online_kernel", ""),
        ("page_alloc.shuffle=1", ""),
        ("nokaslr", ""),
        ("vmalloc=1", ""),
    ],
)
def test_a_setting_is_a_file_or_a_kernel_argument(text: str, file: str) -> None:
    assert settings.parse(text).file == file
    assert str(settings.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "=1", "vm.x", "vm.x=", "/etc/passwd=x", "/sys/../etc/passwd=x", "a b=1", "quiet=a b", "vm.x=1\n2", "x;y=1"],
)
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|spaces"):
        settings.parse(text)


def test_a_setting_that_the_kernel_does_not_take_ends_the_guest(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("0")
    script = settings.script([Setting("vm.a", "1"), Setting("quiet", "")])
    for name, code, said in ((there, 0, ""), (tmp_path / "none" / "x", 7, "could not set vm.a=1\n")):
        run = script.replace("/proc/sys/vm/a", str(name)).replace("poweroff -f", "exit 7").replace("sleep 1", ":")
        done = subprocess.run(["sh", "-c", "exec 3>&1\n" + run], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (code, said)
    assert there.read_text() == "1\n"
    assert settings.kernel_arguments([Setting("vm.a", "1"), Setting("quiet", ""), Setting("a", "b")]) == "quiet a=b"


# Patches and trees

ONE = """From: somebody
Subject: [PATCH] one

--- a/value
+++ b/value
@@ -1 +1 @@
-base
+applied
"""


@pytest.fixture
def say() -> list[str]:
    return []


@pytest.fixture
def tree(tmp_path: Path) -> trees.Tree:
    """A tree that builds, with all that the lab asks of one of the kernel."""
    folder = tmp_path / "trees" / "small"
    folder.mkdir(parents=True)
    (folder / "value").write_text("base\n")
    (folder / "Makefile").write_text(
        "allnoconfig:\n\tcp $(KCONFIG_ALLCONFIG) $(O)/.config\n"
        "bzImage: $(O)/arch/x86/boot/bzImage\n"
        "$(O)/arch/x86/boot/bzImage: value\n\tmkdir -p $(@D)\n\tcp value $@\n\techo '  BUILT' >>$(O)/built\n"
    )
    return trees.Tree("small 1", folder)


def series(tmp_path: Path, text: str = ONE) -> patches.Series:
    path = tmp_path / "way-out.patch"
    path.write_text(text)
    return patches.read(path)


def test_a_series_is_a_file_or_a_folder_in_the_order_of_names(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    (folder / "0002-b.patch").write_text(ONE.replace("base", "applied", 1).replace("+applied", "+twice"))
    (folder / "0001-a.patch").write_text(ONE)
    (folder / "notes.txt").write_text("@@ -1 +1 @@")
    read = patches.read(folder)
    assert read.text.index(b"+applied") < read.text.index(b"+twice")
    assert read.name == "series"


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_the_patch_id_is_that_of_git_whatever_stands_around_the_patch(tmp_path: Path) -> None:
    as_git = ONE.replace("--- a/value", "diff --git a/value b/value\nindex 1..2 100644\n--- a/value")
    shown = subprocess.run(["git", "patch-id", "--stable"], input=as_git.encode(), capture_output=True).stdout
    read = [series(tmp_path, text) for text in (ONE, as_git, "Subject: v2\n\n" + ONE.partition("\n\n")[2])]
    assert {one.patch_id for one in read} == {shown.split()[0].decode()}
    assert len({one.digest for one in read}) == 3


def test_no_patch_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="no patch in"):
        series(tmp_path, "hello\n")
    with pytest.raises(CannotRun, match="cannot be read"):
        patches.read(tmp_path / "missing.patch")


def test_a_tree_is_as_before_after_a_patch_that_does_not_apply(
    tree: trees.Tree, tmp_path: Path, say: list[str]
) -> None:
    with pytest.raises(CannotRun, match=r"does not apply to small 1(?s:.)*value"):
        trees.apply(tree, series(tmp_path, ONE.replace("-base", "-other")), say.append)
    assert (tree.folder / "value").read_text() == "base\n"
    assert sorted(path.name for path in tree.folder.iterdir()) == ["Makefile", "value"]


@pytest.mark.parametrize("reached", ["noted", "applied", "twice"])
def test_what_a_sitting_left_applied_is_taken_back(
    reached: str, tree: trees.Tree, tmp_path: Path, say: list[str]
) -> None:
    read = series(tmp_path)
    if reached == "noted":
        tree.note.write_bytes(read.text)  # killed before patch wrote anything
    else:
        trees.apply(tree, read, say.append)
    if reached == "twice":
        trees.apply(tree, read, say.append)
    trees.take_back(tree, say.append)
    assert (tree.folder / "value").read_text() == "base\n"
    assert not tree.note.exists()


def test_a_tree_that_is_neither_is_not_measured(tree: trees.Tree, tmp_path: Path, say: list[str]) -> None:
    trees.apply(tree, series(tmp_path), say.append)
    (tree.folder / "value").write_text("something else\n")
    with pytest.raises(CannotRun, match="half patched"):
        trees.take_back(tree, say.append)


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_a_developers_tree_stays_as_it_is(tmp_path: Path, say: list[str]) -> None:
    own = tmp_path / "linux"
    own.mkdir()
    (own / "Kbuild").write_text("")
    (own / "value").write_text("base\n")
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "1"]):
        subprocess.run(["git", "-C", str(own), *words], check=True)
    (own / "value").write_text("not committed\n")
    made = trees.from_folder(own, tmp_path / "work", say.append)
    trees.apply(made, series(tmp_path), say.append)
    again = trees.from_folder(own, tmp_path / "work", say.append)
    assert again == made
    assert len(made.commit) == 40
    assert (made.folder / "value").read_text() == "base\n"
    assert (own / "value").read_text() == "not committed\n"
    assert any("not committed" in line for line in say)


# Building


@pytest.fixture
def all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small tree needs make alone."""
    monkeypatch.setattr(build, "_PROGRAMS", ["make"])
    monkeypatch.setattr(build, "_HEADERS", {})


@pytest.mark.usefixtures("all_there")
def test_base_and_applied_are_built_once_each(tree: trees.Tree, tmp_path: Path, say: list[str]) -> None:
    work = tmp_path / "work"
    read = series(tmp_path)
    made = [build.build(tree, each, work, say.append) for each in (None, read, None, read)]
    assert [each.image.read_text() for each in made] == ["base\n", "applied\n"] * 2
    assert len((work / "objects" / tree.identity / "built").read_text().splitlines()) == 2
    assert made[0].image.with_name("config").read_bytes() == build.fragment()
    assert made[0].origin == {"tree": "small 1", "config_sha256": made[1].origin["config_sha256"]}
    if read.patch_id:
        assert made[1].origin["patch_id"] == read.patch_id


@pytest.mark.usefixtures("all_there")
def test_another_configuration_is_another_kernel(tree: trees.Tree, tmp_path: Path, say: list[str]) -> None:
    own = tmp_path / "own.config"
    own.write_text("CONFIG_OWN=y\n")
    one = build.build(tree, None, tmp_path / "work", say.append)
    other = build.build(tree, None, tmp_path / "work", say.append, own)
    assert one.image != other.image
    assert one.origin["config_sha256"] != other.origin["config_sha256"]


@pytest.mark.usefixtures("all_there")
def test_what_does_not_build_says_why(tree: trees.Tree, tmp_path: Path, say: list[str]) -> None:
    (tree.folder / "Makefile").write_text("allnoconfig:\n\t@true\nbzImage:\n\t@echo no such thing; false\n")
    with pytest.raises(CannotRun, match=r"make bzImage failed(?s:.)*no such thing"):
        build.build(tree, None, tmp_path / "work", say.append)


def test_what_is_missing_is_named_by_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_PROGRAMS", ["make", "no-such-program"])
    monkeypatch.setattr(build, "_HEADERS", {"/no/such/header.h": "libsome-dev"})
    with pytest.raises(CannotRun, match="install --no-install-recommends no-such-program libsome-dev"):
        build.demand()


def test_the_configuration_of_a_kernel_lies_beside_it(tmp_path: Path) -> None:
    image = tmp_path / "bzImage"
    image.write_bytes(b"\0" * 0x202 + b"HdrS" + b"\0" * 8 + b"\x00\x01" + b"\0" * 0xF0 + b"7.3.4-lab x\0")
    (tmp_path / "config").write_text("CONFIG_CMA=y\n")
    assert kernels.get(str(image), tmp_path).has("CMA") is True
    assert kernels.get(str(image), tmp_path).has("MEMORY_HOTREMOVE") is False


# Two arms in turn


class Guests:
    """In place of QEMU: writes down what would be booted, and answers as `answers` says, by label."""

    def __init__(self, answers: Callable[[str, int], bytes | None]) -> None:
        self.booted: list[tuple[str, str]] = []
        self.answers = answers

    def boot(self, this: Session, kernel: Kernel, each: Any, initramfs: bytes, take: Callable[[Result], None]) -> None:
        for job in each.jobs:
            label = this.wishes.label
            self.booted.append((label, "%s x%d" % (job.id, job.repeat)))
            body = self.answers(label, sum(1 for one, _ in self.booted if one == label))
            if body is not None:
                take(Result(job.id, 0, body))


@pytest.fixture
def guests(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str, int], bytes | None]], Guests]:
    monkeypatch.setattr(session.tools, "demand", lambda names: {})
    made = Kernel("made up", "7.3.4-lab", Path("/none"), None, "")
    monkeypatch.setattr(session.kernels, "get", lambda wanted, work: made)
    monkeypatch.setattr(Session, "_initramfs", lambda this, kernel: b"")

    def install(answers: Callable[[str, int], bytes | None]) -> Guests:
        found = Guests(answers)
        monkeypatch.setattr(Session, "_guest", lambda this, *given: found.boot(this, *given))
        return found

    return install


def wishes(tmp_path: Path, label: str, repeat: int = 3, **more: Any) -> Wishes:
    return Wishes(["made up"], ["vmsplice-pipe"], ["move_pages"], repeat, 5, label, "tcg", tmp_path, tmp_path, **more)


def arms(tmp_path: Path, repeat: int = 3) -> tuple[Wishes, Wishes]:
    origin = {"tree": "small 1", "base": "base"}
    return wishes(tmp_path, "base", repeat), wishes(tmp_path, "way-out", repeat, origin=origin)


def test_boots_alternate_with_one_run_each(guests: Any, tmp_path: Path, say: list[str]) -> None:
    seen = guests(lambda label, number: measured("refuses" if label == "base" else "moves"))
    assert sitting.run(*arms(tmp_path), say.append) == 0
    assert [label for label, _ in seen.booted] == ["base", "way-out", "way-out", "base", "base", "way-out"]
    assert {what for _, what in seen.booted} == {"vmsplice-pipe-move_pages x1"}
    assert any("min left" in line for line in say)


def test_a_sitting_goes_on_where_an_earlier_one_was_killed(guests: Any, tmp_path: Path, say: list[str]) -> None:
    def dies(label: str, number: int) -> bytes:
        if number == 2:
            raise KeyboardInterrupt
        return measured("refuses")

    guests(dies)
    with pytest.raises(KeyboardInterrupt):
        sitting.run(*arms(tmp_path), say.append)
    seen = guests(lambda label, number: measured("refuses"))
    assert sitting.run(*arms(tmp_path), say.append) == 0
    assert sorted(label for label, _ in seen.booted) == ["base", "base", "way-out", "way-out"]


def test_a_run_without_a_result_is_made_once_more_and_then_told(guests: Any, tmp_path: Path, say: list[str]) -> None:
    seen = guests(lambda label, number: None if label == "way-out" else measured("refuses"))
    assert sitting.run(*arms(tmp_path, 2), say.append) == 1
    assert [what for label, what in seen.booted if label == "way-out"] == ["vmsplice-pipe-move_pages x1"] * 3


def test_reports_say_what_was_built_and_what_they_are_compared_with(
    guests: Any, tmp_path: Path, say: list[str]
) -> None:
    guests(lambda label, number: measured("refuses"))
    sitting.run(*arms(tmp_path, 1), say.append)
    read = envelope.read((tmp_path / "guest-7.3.4-lab-way-out/vmsplice-pipe-move_pages.json").read_bytes())
    assert read.origin == {"tree": "small 1", "base": "base"}
    plain = json.loads((tmp_path / "guest-7.3.4-lab-base/vmsplice-pipe-move_pages.json").read_text())
    assert "origin" not in plain


@pytest.mark.parametrize("origin", [{"patch_id": "x"}, {"setting": ""}, {"base": "b" * 211}])
def test_an_origin_that_is_none_is_refused(origin: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        envelope.read(json.dumps({**json.loads(measured("refuses")), "minor": 2, "origin": origin}).encode())


# What is asked for


def arranged(words: list[str], tmp_path: Path, say: list[str]) -> tuple[Wishes, Wishes]:
    options = cli._parser().parse_args(["lab", *words])
    base, applied = trial._arms(options, wishes(tmp_path, options.label), say.append)
    return base, trial._with_base(base, applied)


def test_a_setting_is_measured_against_the_kernel_as_it_is(tmp_path: Path, say: list[str]) -> None:
    base, applied = arranged(["trixie", "--setting", "vm.a=1", "--setting", "quiet"], tmp_path, say)
    assert (base.label, base.settings, base.origin) == ("base", (), {})
    assert applied.label == "vm.a=1 quiet"
    assert applied.settings == (Setting("vm.a", "1"), Setting("quiet", ""))
    assert applied.origin == {"setting": "vm.a=1 quiet", "base": "base"}


def test_a_base_that_is_set_to_something_is_the_base_of_one_way_out(tmp_path: Path, say: list[str]) -> None:
    base, applied = arranged(
        ["trixie", "--setting", "vm.a=1", "--against", "vm.a=0", "--label", "way-out"], tmp_path, say
    )
    assert (base.label, base.origin) == ("base of way-out", {"setting": "vm.a=0"})
    assert applied.origin["base"] == "base of way-out"


@pytest.mark.usefixtures("all_there")
def test_of_a_removal_the_tree_as_it_is_has_the_way_out(
    tree: trees.Tree, tmp_path: Path, say: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "from_folder", lambda path, work, say: tree)
    path = tmp_path / "without.patch"
    path.write_text(ONE)
    base, applied = arranged(["--tree", "x", "--removal", str(path), "--label", "way-out"], tmp_path, say)
    assert [Path(arm.kernels[0]).read_text() for arm in (base, applied)] == ["applied\n", "base\n"]
    assert (base.label, applied.label) == ("base of way-out", "way-out")
    base, applied = arranged(["--tree", "x", "--series", str(path)], tmp_path, say)
    assert [Path(arm.kernels[0]).read_text() for arm in (base, applied)] == ["base\n", "applied\n"]
    assert (base.label, applied.label) == ("base", "without")


@pytest.mark.parametrize(
    "words",
    [
        ["--setting", "vm.a=1"],
        ["trixie", "sid", "--setting", "vm.a=1"],
        ["trixie", "--setting", "vm.a"],
        ["trixie", "--against", "vm.a=1"],
        ["trixie", "--series", "x.patch"],
        ["trixie", "--source", "sid/linux-source-7.3", "--series", "x.patch"],
        ["--source", "sid/linux-source-7.3", "--tree", ".", "--series", "x.patch"],
        ["--source", "sid/linux-source-7.3"],
        ["--tree", ".", "--series", "a", "--removal", "b"],
        ["--tree", ".", "--removal", "b"],
        ["--fixed-in", "trixie"],
        ["--fixed-in", "trixie..sid", "--label", "x"],
        ["trixie", "--config", "x"],
    ],
)
def test_what_cannot_be_meant_ends_before_anything_is_fetched(words: list[str], say: list[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["lab", *words])


def test_a_label_is_no_longer_than_a_report_takes(tmp_path: Path) -> None:
    made = trial._labelled(wishes(tmp_path, ""), trial.base_label("x" * 80), (Setting("vm.a", "1" * 100),) * 3)
    assert (len(made.label), len(made.origin["setting"])) == (80, 200)


def test_wishes_of_two_releases_are_those_of_each() -> None:
    assert trial._sides("bookworm..trixie-backports/linux-image-7.1-amd64") == (
        "bookworm",
        "trixie-backports/linux-image-7.1-amd64",
    )


@pytest.mark.usefixtures("all_there")
def test_a_release_that_nobody_builds_so_is_built_from_its_source(
    tree: trees.Tree, tmp_path: Path, say: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "from_package", lambda wanted, work, say: tree)
    options = cli._parser().parse_args(["lab", "--fixed-in", "sid/linux-source-6.12..sid"])
    before, after = (
        trial._side(side, wishes(tmp_path, ""), options, say.append) for side in ("sid/linux-source-6.12", "sid")
    )
    assert Path(before.kernels[0]).read_text() == "base\n" and before.origin["tree"] == "small 1"
    assert (after.kernels, after.origin) == (["sid"], {})
    assert (before.label, after.label) == ("", "")


@pytest.mark.parametrize(
    "words, taken",
    [
        (["--fixed-in", "sid/linux-source-6.12..sid", "--config", "x"], True),
        (["--fixed-in", "trixie..sid", "--config", "x"], False),
    ],
)
def test_a_configuration_is_for_a_release_that_is_built(words: list[str], taken: bool) -> None:
    parser = cli._parser()
    options = parser.parse_args(["lab", *words])
    if taken:
        return trial.check(options, parser)
    with pytest.raises(SystemExit):
        trial.check(options, parser)


def test_the_archive_has_the_configuration(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "probes.archive.build", str(tmp_path / "probe.pyz")], check=True, cwd=ROOT)
    code = "import sys; sys.path.insert(0, sys.argv[1]); from probes.trials import build; print(len(build.fragment()))"
    command = [sys.executable, "-I", "-c", code, str(tmp_path / "probe.pyz")]
    shown = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert shown.stdout == f"{len(build.fragment())}\n"
