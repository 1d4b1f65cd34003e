"""What a command does to the machine of whoever runs it stands above it, and is never milder than the command is."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from catalog.documents import commands
from catalog.models import Document
from catalog.models.text import Origin, State
from catalog.revisions import files, store
from catalog.text import markdown
from diagnosis import diagnose
from diagnosis.answers import advice, plain
from diagnosis.rules.verdict import Command
from diagnosis.words.commands import at_least
from tests import builders
from tests.pages import on_one_line

ABORT = "echo 1 | sudo tee /sys/fs/fuse/connections/57/abort"


def fence(info: str, code: str) -> str:
    return f"A summary.\n\n## What to do now\n\n1. This:\n\n   ```{info}\n   {code}\n   ```\n"


@pytest.mark.parametrize(
    ("code", "least"),
    [
        ("cat /proc/vmstat", "reads"),
        ("sysctl vm.compact_unevictable_allowed", "reads"),
        ("awk '$4 > 0' /proc/vmstat 2>/dev/null", "reads"),
        ("sudo python3 probe.pyz inspect memory32", "reads"),
        ("ss -t dst 10.0.0.1", "reads"),
        ("sudo sysctl fs.fuse.default_request_timeout=60", "changes"),
        ("echo 1 | sudo tee /proc/sys/vm/drop_caches", "changes"),
        ("echo $(( $(cat $F) + 1 )) | sudo tee $F", "changes"),
        ("sudo sh -c 'echo offline > /sys/devices/system/memory/memory9/state'", "changes"),
        ("sudo mount -t fusectl fusectl /sys/fs/fuse/connections", "changes"),
        ("sudo python3 probe.pyz run fuse-writeback", "changes"),
        ("sync", "changes"),
        ("kill -CONT 12", "changes"),
        ("kill 12", "loses_data"),
        ("sudo umount -f /mnt/point", "loses_data"),
        ("sudo ss -K -t dst 10.0.0.1", "loses_data"),
        (ABORT, "loses_data"),
    ],
)
def test_what_is_known_to_change_something_is_never_called_milder(code: str, least: str) -> None:
    assert at_least(code) == least
    assert commands.does("sh reads", code) == least
    assert commands.does("sh loses_data", code) == "loses_data"
    assert commands.does("text", code) == "" and commands.does("sh", code) == "unmarked"


@pytest.mark.parametrize(
    ("info", "code", "message"),
    [
        ("", "cat /proc/vmstat", "expected a language behind the fence"),
        ("sh", "cat /proc/vmstat", "expected a mark behind `sh`: one of reads, changes, loses_data"),
        ("sh harmless", "cat /proc/vmstat", "expected a mark behind `sh`"),
        ("sh reads", "sync", "expected the mark changes, or a block of its own"),
        ("sh changes", ABORT, "expected the mark loses_data, or a block of its own"),
        ("sh reads", "cat /proc/vmstat", ""),
        ("sh loses_data", ABORT, ""),
        ("text", "migrating pfn 1 failed ret:1", ""),
    ],
)
def test_a_fence_without_its_mark_is_told_at_its_line(info: str, code: str, message: str) -> None:
    text = builders.case_text(body=fence(info, code))
    found = [str(problem) for problem in commands.problems(text)]
    line = text.split("\n").index(f"   ```{info}") + 1
    assert found == [] if not message else len(found) == 1 and found[0].startswith(f"line {line}: {message}")


def test_what_changes_anything_stands_in_no_sentence_and_in_no_tell() -> None:
    said = builders.case_text(body="Do `sudo cat /proc/1/stack`, then `echo 1 | sudo tee /proc/sys/vm/compact_memory`.")
    assert [problem.line for problem in commands.problems(said)] == [12]
    tell = {"run": "echo 1 | sudo tee /proc/sys/vm/compact_memory", "tells": "x"}
    (problem,) = commands.problems(builders.case_text(signature={"mechanisms": ["writeback"], "tell": [tell]}))
    assert problem.field == "signature.tell" and problem.line > 1
    (indented,) = commands.problems(builders.case_text(body="A summary.\n\n    sync\n"))
    assert "expected a fence" in indented.message


def test_check_cases_tells_the_place(tmp_path: Path) -> None:
    path = tmp_path / "fuse-writeback.md"
    path.write_text(builders.case_text(body=fence("sh", "sync")))
    err = StringIO()
    with pytest.raises(CommandError, match="1 problem in 1 file"):
        call_command("check_cases", str(path), stdout=StringIO(), stderr=err)
    assert re.match(rf"{re.escape(str(path))}:\d+: expected a mark behind `sh`", err.getvalue())


@pytest.mark.django_db
def test_a_text_without_marks_that_the_site_exported_is_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "fuse-writeback.md"
    path.write_text(builders.case_text(body=fence("sh", "sync")))
    assert [loaded.result for loaded in files.load([path])] == ["new"] and len(files.check(path)) == 1


def test_the_catalog_s_own_commands_all_have_their_mark() -> None:
    paths = files.all_files()
    assert len(paths) > 80 and {path.name: commands.problems(path.read_text()) for path in paths} == {
        path.name: [] for path in paths
    }


@pytest.mark.django_db
def test_the_label_stands_above_the_commands_of_what_is_reviewed() -> None:
    store.save(builders.case_text(body=fence("sh loses_data", ABORT)), origin=Origin.FILE)
    page = Client().get("/cases/fuse-writeback/").content.decode()
    assert re.search(r'<p class="does loses_data">loses data</p>\s*<pre', page)
    Document.objects.update(state=State.PROPOSED)
    assert 'class="does' not in Client().get("/cases/fuse-writeback/").content.decode()


def test_a_stranger_s_word_never_reads_like_the_site_s() -> None:
    text = f"```sh reads\n{ABORT}\n```"
    assert 'class="does' not in markdown.html(text)
    assert '<p class="does loses_data">loses data</p>' in markdown.html(text, marked=True)
    assert '<p class="does unmarked">nobody has said what this does</p>' in markdown.html("```sh\nx\n```", marked=True)
    assert 'class="does' not in markdown.html("```text\nx\n```", marked=True)


def test_a_long_section_keeps_its_labels() -> None:
    text = "word " * markdown.RICH_CHARACTERS + "\n\n```sh reads\ncat /proc/vmstat\n```\n"
    assert '<p class="does reads">reads only</p>' in markdown.html(text, marked=True)


def test_what_a_diagnosis_asks_for_is_marked_where_it_does_more_than_read() -> None:
    asked = [command for command in vars(advice).values() if isinstance(command, Command)]
    assert {command.run.split(";")[0] for command in asked if command.does != "reads"} == {
        "sudo mount -t fusectl fusectl /sys/fs/fuse/connections",
        "echo 'file mm/memory_hotplug.c +p' | sudo tee /sys/kernel/debug/dynamic_debug/control",
        "echo 'file mm/page_alloc.c +p' | sudo tee /sys/kernel/debug/dynamic_debug/control",
        "sudo trace-cmd record -e cma -e page_isolation -e migrate:mm_migrate_pages sleep 30",
        "sudo trace-cmd record -e migrate:mm_migrate_pages -e compaction sleep 30",
        advice.OWNER.run,
    }
    assert len(asked) > 8 and not [command for command in asked if command.does == "loses_data"]


@pytest.mark.django_db
def test_the_diagnosis_says_so_on_the_page_and_in_plain_text() -> None:
    log = Path("tests/diagnosis/captures/inspect-fuse-writeback-offline-without-fusectl-7.3.4+deb13.txt").read_text()
    page = on_one_line(Client(headers={"Accept": "text/html"}).post("/diagnose/", {"text": log}))
    assert '<span class="does changes">changes state</span> <code>sudo mount -t fusectl' in page
    assert "(It changes state.) fusectl was not mounted" in " ".join(plain.shown(diagnose.diagnose(log)).split())
