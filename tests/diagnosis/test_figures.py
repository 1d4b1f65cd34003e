"""What the commands print that verdicts and cases ask for: pasted back, it has to be read."""

from __future__ import annotations

import pytest

from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.rules.verdict import Diagnosis


def said(text: str) -> Diagnosis:
    return diagnose(text, signatures())


@pytest.mark.parametrize(
    ("text", "rule", "sentence"),
    [
        (
            "linux,cma/count:16384\nlinux,cma/used:12000\nlinux,cma/maxchunk:1021\n",
            "cma-area-room",
            "cma had 1021 pages",
        ),
        ("/sys/kernel/debug/cma/reserved/maxchunk:7\n", "cma-area-room", "reserved had 7 pages"),
        ("/sys/kernel/mm/cma/reserved/alloc_pages_fail:4096\n", "cma-area-failed", "4096 pages in all"),
    ],
)
def test_figures_of_a_cma_area_are_read_wherever_they_were_printed(text: str, rule: str, sentence: str) -> None:
    verdict = said(text).findings[0].verdict
    assert (verdict.rule, verdict.mechanism, verdict.proved) == (rule, "", False)
    assert sentence in verdict.sentence


def test_an_area_without_failures_says_nothing() -> None:
    assert said("/sys/kernel/mm/cma/reserved/alloc_pages_fail:0\n").findings == ()


def test_the_first_frame_that_was_busy_is_no_matter_for_ctrl_c() -> None:
    event = "test_pages_isolated: start_pfn=0x3d400 end_pfn=0x3d410 fin_pfn=0x3d40a ret=fail\n"
    (now,) = said("kworker/0:1-19 [000] d..1. 100.2: " + event).now
    assert "inspect memoryN" in now.text and "Ctrl-C" not in now.text
