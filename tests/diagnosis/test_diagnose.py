"""What a text says: its records with their places, the mechanism with its reasons, the manner, the candidates."""

from __future__ import annotations

import gzip
import html
import json
import quopri
from pathlib import Path

import pytest

from diagnosis.answers.plain import shown
from diagnosis.diagnose import diagnose
from diagnosis.formats import kernel_log
from diagnosis.matching.match import Sign, Signature, match
from diagnosis.matching.observation import Context
from diagnosis.rules.verdict import Diagnosis
from diagnosis.text.record import Place

CAPTURES = Path(__file__).parent / "captures"
RECORDED = Path(__file__).parents[2] / "data" / "recorded"
DUMP = (CAPTURES / "vmsplice-offline-7.3.4+deb13.txt").read_text()
PIPE = Signature("vmsplice-pipe", frozenset(), mechanisms=("extra_reference",), needs=("folio:anon",))
SOCKET = Signature("skb-frags-sendfile", frozenset(), mechanisms=("extra_reference",), needs=("folio:file",))


def said(diagnosis: Diagnosis, place: Place) -> str:
    line = diagnosis.text.split("\n")[place.line - 1]
    return line[place.column - 1 : place.column - 1 + place.length]


def mechanisms(text: str | bytes) -> list[tuple[str, bool, str]]:
    return [(f.verdict.mechanism, f.verdict.proved, f.verdict.manner) for f in diagnose(text).findings]


@pytest.mark.parametrize("kernel", ["6.12.95+deb12", "7.3.4+deb13"])
def test_a_surplus_reference_is_proved_and_not_who_holds_it(kernel: str) -> None:
    text = (CAPTURES / f"vmsplice-offline-{kernel}.txt").read_text()
    diagnosis = diagnose(text, [PIPE, SOCKET])
    (finding,) = diagnosis.findings
    verdict = finding.verdict
    assert verdict.sentence == "One unaccounted reference on an anonymous folio in ZONE_MOVABLE."
    assert (verdict.mechanism, verdict.proved) == ("extra_reference", True)
    assert (verdict.manner, verdict.mover, verdict.area) == ("retries_without_progress", "offline", "zone_movable")
    assert len(finding.records) == 2
    assert finding.references is not None
    assert [(share.name, share.count) for share in finding.references.shares] == [("mover", 1), ("mappings", 1)]
    assert (finding.references.left, finding.references.pins) == (1, 0)
    assert [(one.case, one.is_proved) for one in finding.candidates] == [("vmsplice-pipe", False)]


def test_every_value_points_at_the_users_own_text() -> None:
    diagnosis = diagnose(DUMP)
    values = [value for record in diagnosis.records for value in record.values]
    assert len(values) > 40
    for value in values:
        assert value.text in said(diagnosis, value.place)
    first = diagnosis.records[0]
    assert first.get("refcount").place == Place(2, 16, 1)
    assert [first.number(n) for n in ("pfn", "refcount", "mapcount", "ret", "zone")] == [0x1100FD, 3, 1, 16, 3]


def _stamped(stamp: str) -> str:
    return "".join(f"{stamp}{line}\n" for line in DUMP.splitlines())


DRESSED = {
    "as it is": DUMP,
    "stamps": _stamped("[  446.578064] "),
    "dmesg -T": _stamped("[Mon Nov 23 00:12:01 2026] "),
    "dmesg -x": _stamped("kern  :warn  : [  446.578064] "),
    "dmesg -d": _stamped("[  446.578064 <    0.000012>] "),
    "dmesg -e": _stamped("[  +0.000012] "),
    "level": _stamped("<4>[  446.578064] "),
    "caller": _stamped("[  446.578064][  T812] "),
    "cpu": _stamped("[  446.578064][    C1] "),
    "journald": _stamped("Nov 23 00:12:01 box kernel: "),
    "journald iso": _stamped("2026-11-23T00:12:01+0000 box kernel: "),
    "syslog": _stamped("Nov 23 00:12:01 box kernel: [  446.578064] "),
    "rsyslog": _stamped("2026-11-23T00:12:01.123456+00:00 box kernel: [  446.578064] "),
    "short-monotonic": _stamped("[  446.578064] box kernel: "),
    "android": _stamped("[  446.578064]  [2:   Binder:711_1:  740] "),
    "logcat": _stamped("11-23 00:12:01.123     0     0 W         : "),
    "quoted": _stamped("> > "),
    "quoted with stamps": _stamped(">> [  446.578064] "),
    "CRLF": DUMP.replace("\n", "\r\n"),
    "colours": _stamped("\x1b[32m[  446.578064] \x1b[0m\x1b[33m"),
    "html": "<html><body><pre>" + html.escape(_stamped("[  446.578064] ")) + "</pre></body></html>",
    "html breaks": "<div>" + "<br>".join(html.escape(line) for line in DUMP.splitlines()) + "</div>",
    "quoted-printable": quopri.encodestring(_stamped("[  446.578064] ").encode()).decode(),
    "indented": _stamped("    "),
    "UTF-16": DUMP.encode("utf-16"),
}


@pytest.mark.parametrize("dress", DRESSED)
def test_the_same_is_read_however_it_was_pasted(dress: str) -> None:
    diagnosis = diagnose(DRESSED[dress])
    (finding,) = diagnosis.findings
    assert finding.verdict.sentence == "One unaccounted reference on an anonymous folio in ZONE_MOVABLE."
    assert len(finding.records) == 2
    for record in diagnosis.records:
        assert said(diagnosis, record.get("refcount").place) == "3"
        assert said(diagnosis, record.get("reason").place).startswith("migration")


def test_lines_that_a_mailer_wrapped_are_joined() -> None:
    wrapped = (
        _stamped("[  446.578064] ").replace(" index:", "\nindex:").replace(" 0000000300000000", "\n0000000300000000")
    )
    wrapped = wrapped.replace("because: migration", "because: migration\n").replace("\n failure", "\nfailure")
    wrapped = wrapped.replace("|dirty", "|\ndirty")
    diagnosis = diagnose(wrapped)
    assert [len(finding.records) for finding in diagnosis.findings] == [2]
    record = diagnosis.records[0]
    assert "dirty" in [value.text for value in record.values if value.name == "flag"]
    assert said(diagnosis, record.get("index").place) == "0x7f8fb7e11"


def test_a_value_that_goes_on_in_the_next_line_ends_with_its_own() -> None:
    """Found by fuzzing: the blank that joins the two lines was counted as text."""
    line = "raw: 00000007f788664b 0000000000000000 0000040200000000 ff1908d2c122e380"
    head = "page: refcount:3 mapcount:1 mapping:0000000000000000 index:0x1 pfn:0x100025"
    diagnosis = diagnose(f"{head}\n{line}\n84000888 ff1908d2c46fdf61\npage dumped because: migration failure\n")
    raw = next(value for record in diagnosis.records for value in record.values if value.name == "raw")
    assert (raw.place.line, raw.place.column - 1 + raw.place.length) == (2, len(line))


def test_two_tasks_that_speak_at_once_are_kept_apart() -> None:
    first, second = DUMP.splitlines()[:7], DUMP.splitlines()[7:]
    mixed = "".join(
        f"[  446.578064][  T812] {one}\n[  446.578064][  T900] {two}\n" for one, two in zip(first, second, strict=True)
    )
    diagnosis = diagnose(mixed)
    assert [record.number("pfn") for record in diagnosis.records] == [0x1100FD, 0x1100FC]
    assert {len([v for v in record.values if v.name == "raw"]) for record in diagnosis.records} == {2}
    assert [len(finding.records) for finding in diagnosis.findings] == [2]


def test_a_dump_cut_short_is_no_proof() -> None:
    for end in range(1, 6):
        cut = "\n".join(DUMP.splitlines()[: end + 1])
        assert not any(finding.verdict.proved for finding in diagnose(cut).findings), end


def runs(pattern: str) -> list[tuple[str, dict]]:
    found = []
    for path in sorted(RECORDED.glob(pattern)):
        report = json.loads(gzip.decompress(path.read_bytes()))["report"]
        found += [(path.parent.name, run) for run in report["runs"]]
    return found


BLOCKED = [(folder, run) for folder, run in runs("*/*.json.gz") if run.get("blocked", {}).get("stack")]


@pytest.mark.parametrize(("case", "mechanism"), [("fuse-writeback", "writeback"), ("readahead-locked", "page_lock")])
def test_a_recorded_stack_says_what_the_mover_waits_for(case: str, mechanism: str) -> None:
    seen = [(folder, run) for folder, run in BLOCKED if run["case"] == case]
    assert len({folder for folder, _ in seen}) >= 2
    for folder, run in seen:
        text = "\n".join(f"[<0>] {line}" for line in run["blocked"]["stack"])
        (finding,) = diagnose(text).findings
        verdict = finding.verdict
        assert (verdict.mechanism, verdict.proved, verdict.manner) == (mechanism, True, "sleeps_in_d"), folder
        assert verdict.mover == run["mover"], (folder, run["mover"])


def test_a_hung_task_in_the_log_is_read_like_its_stack() -> None:
    stack = next(run["blocked"]["stack"] for _, run in BLOCKED if run["case"] == "fuse-writeback")
    lines = [
        "INFO: task sh:812 blocked for more than 120 seconds.",
        "      Not tainted 7.3.4+deb13-amd64 #1",
        '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.',
        "task:sh              state:D stack:0     pid:812   tgid:812   ppid:1      flags:0x00004002",
        "Call Trace:",
        " <TASK>",
        *(f" {name}" for name in ["__schedule+0x4ab/0xb30", *stack]),
        " </TASK>",
    ]
    diagnosis = diagnose("".join(f"[  242.1{n:05}] {line}\n" for n, line in enumerate(lines)))
    (finding,) = diagnosis.findings
    assert finding.verdict.mechanism == "writeback"
    assert "sh (pid 812)" in finding.verdict.sentence
    assert diagnosis.records[finding.records[0]].number("blocked_seconds") == 120


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "There is no text to read: whatever was to write it wrote nothing. A journal and dmesg may need sudo."),
        ("hello\n" * 1000, "Nothing in this text is of a kind that is known here."),
        ("\x00\ud800\u202e", "Nothing in this text is of a kind that is known here."),
    ],
)
def test_a_text_that_says_nothing_is_told_so(text: str, sentence: str) -> None:
    assert diagnose(text).summary == sentence
    assert diagnose(text).is_empty


def test_observations_have_keys_by_line_and_match_only_what_is_proved() -> None:
    stack = next(run["blocked"]["stack"] for _, run in BLOCKED if run["case"] == "fuse-writeback")
    text = DUMP + "\n" + "\n".join(f"[<0>] {line}" for line in stack) + "\n"
    made = kernel_log.observations(text, Context("7.3.4", "", "x86_64", "guest"))
    assert [(one.key, one.kind, one.outcome) for one in made] == [
        ("line:1", "log", "refuses"),
        ("line:16", "log", "hangs"),
    ]
    assert [one.release for one in made] == ["7.3.4", "7.3.4"]
    assert match(made[0], [PIPE, SOCKET]) == []
    proof = Signature("a-case", frozenset(), proves=(Sign(("folio:anon", "mechanism:extra_reference"), "All of it."),))
    assert [(one.case, one.rule, one.reason) for one in match(made[0], [proof])] == [("a-case", "proved", "All of it.")]
    assert match(made[1], [proof]) == []
    again = kernel_log.observations("noise\n" + text, Context("7.3.4"))
    assert [one.fingerprint for one in again] == [one.fingerprint for one in made]


def test_plain_text_quotes_the_users_lines_without_control_characters() -> None:
    text = shown(
        diagnose(DUMP.replace("because", "because\u202e").replace("because\u202e", "because") + "\x1b[2J", [PIPE])
    )
    assert "2:16: page: refcount:3 mapcount:1" in text
    assert "1. vmsplice-pipe" in text
    assert "\x1b" not in text
