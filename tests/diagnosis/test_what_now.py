"""No advice that its text contradicts: every verdict of the tests' texts against every sentence that may be said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from diagnosis.answers import what_now
from diagnosis.answers.advice import now_for
from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.rules.verdict import Candidate, Finding
from diagnosis.text.record import Record
from tests.diagnosis import test_field, test_kernels, test_ranking, test_task_state
from tests.diagnosis.corpus import ALL

# What a sentence says, and the fact without which nobody may be told it.
SAYS = {
    r"Ctrl-C|can be interrupted": "interruptible|alive",
    r"as the holder lets go|look for the holder|nothing holds (?:the folio|a page)": "held",
    r"goes on by itself": "alive",
    r"ignores every signal": "asleep",
    r"came back with an error, and": "came-back",
    r"holder answers or ends": "proved-holder",
    r"stays locked until|only a reboot": "dead",
    r"try again at any time": "may-move",
}
OOPS = (
    "kernel BUG at include/linux/swapops.h:201!\nCPU: 3 PID: 711 Comm: kcompactd0 Not tainted 6.1.0 #1\nCall Trace:\n"
)
DEAD = OOPS + " migrate_pages+0x1/0x2\n compact_zone+0x1/0x2\n kcompactd+0x1/0x2\n"


# What the advice on a verdict says, and what the page of a case that is proved there may not say in the same breath.
CONTRARY = {
    r"Ctrl-C|can be interrupted": r"minds no signal|deaf to signals|[Kk]illing the (?:mover|task that offlines)",
    r"ignores every signal": r"can be interrupted|[Ii]nterrupt the offline|Ctrl-C",
    r"Trying again changes nothing": r"tr(?:y|ied) again",
    r"cannot be moved at all|never be offlined": r"tr(?:y|ied) again|goes on",
    r"goes on by itself|comes back when its holder": r"[Oo]nly a reboot",
    r"[Oo]nly a reboot": r"goes on by itself|try again",
    r"try again at any time|by trying again": r"[Tt]rying again (?:changes nothing|is of no use)",
    r"[Nn]othing holds it": r"who(?:ever)? holds it|[Ff]ind the holder",
}
CASES = Path(__file__).parents[2] / "data" / "cases"


def page(case: str) -> str:
    """What the page of a case says to do now, in one line: a sentence of it may be broken anywhere."""
    found = re.search(r"\n## What to do now\n(.*?)(?=\n## |\Z)", (CASES / f"{case}.md").read_text(), re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def _texts() -> Iterator[str]:
    for name in test_field.RIGHT:
        yield test_field.text(name)
    for text, *_ in (*test_kernels.DUMPS.values(), *test_kernels.TRACE.values(), *test_kernels.ALLOCATIONS.values()):
        yield text
    for text, *_ in (*test_kernels.SOFT.values(), *test_task_state.CONTEXTS.values()):
        yield text
    yield from (one.text() for one in ALL if one.is_there)
    yield from (test_ranking.FLUSH, test_ranking.WRITER, test_ranking.LOCK, test_ranking.DUMP)


TEXTS = list(dict.fromkeys(_texts()))


@cache
def found() -> tuple[tuple[Finding, tuple[Record, ...]], ...]:
    return tuple(_found())


def _found() -> Iterator[tuple[Finding, tuple[Record, ...]]]:
    for text in TEXTS:
        for given in (text, DEAD + text):
            made = diagnose(given, signatures())
            yield from ((finding, made.records) for finding in made.findings)


@pytest.mark.parametrize("key", what_now.NOW)
def test_a_sentence_names_every_fact_that_it_takes_for_granted(key: str) -> None:
    for advice in what_now.NOW[key]:
        assert set(advice.needs) <= set(what_now.FACTS)
        for words, fact in SAYS.items():
            if re.search(words, advice.text):
                assert set(fact.split("|")) & set(advice.needs), (words, advice.text)


def test_no_verdict_is_told_a_sentence_whose_facts_do_not_hold() -> None:
    """Each pair of verdict and sentence: said only if it is of its row and all its facts hold."""
    nr_said = nr_kept_back = 0
    for finding, records in found():
        holding, row, told = what_now.facts(finding, records), what_now.rows(finding), now_for(finding, records)
        for advice in {one for rows in what_now.NOW.values() for one in rows}:
            may_be_said = advice in row and holding.issuperset(advice.needs)
            assert may_be_said or advice.text not in told, advice.text
            nr_said += may_be_said
            nr_kept_back += advice in row and not may_be_said
    assert nr_said > 200 and nr_kept_back > 50


def test_the_words_fit_the_verdict() -> None:
    for finding, records in found():
        verdict, told = finding.verdict, now_for(finding, records)
        is_dead = "dead" in what_now.facts(finding, records)
        assert not (is_dead and re.search("Ctrl-C|goes on by itself|answers or ends", told)), told
        if "every reference" in verdict.sentence or "nothing holds it" in verdict.sentence:
            assert "holder" not in told and "lets go" not in told
        if verdict.mechanism == "not_movable_type":
            assert "try again at any time" not in told
        if verdict.manner != "sleeps_in_d":
            assert "SIGKILL" not in told


def test_each_row_is_of_a_verdict_that_there_is_or_of_a_manner() -> None:
    used = {id(what_now.rows(finding)) for finding, _ in found()}
    assert len(used) >= 18


def test_who_waits_for_a_mover_that_died_is_told_so() -> None:
    victim = test_task_state.NEW.format("D", "") + (
        " io_schedule+0x1/0x2\n migration_entry_wait_on_locked+0x1/0x2\n migration_entry_wait+0x1/0x2\n"
        " do_swap_page+0x1/0x2\n"
    )
    assert "goes on by itself" in diagnose(victim).now[0].text
    now = " ".join(reason.text for reason in diagnose(DEAD + victim).now)
    assert "goes on by itself" not in now and "only a reboot" in now


def _with_a_proof() -> Iterator[tuple[Finding, tuple[Record, ...], str]]:
    """Each proved verdict with each case that could be proved by it, the case that is proved there among them."""
    for finding, records in found():
        if not finding.verdict.proved:
            continue
        for one in signatures():
            if one.proves and finding.verdict.mechanism in one.mechanisms:
                holder = Candidate(one.case, one.title, one.kind, True, (), (), ())
                yield replace(finding, candidates=(holder,)), records, one.case


def test_what_a_proved_verdict_advises_is_not_contrary_to_the_page_that_stands_below_it() -> None:
    met: dict[str, int] = {}
    for finding, records, case in _with_a_proof():
        told, said = now_for(finding, records), page(case)
        assert said, f"{case} can be proved, and its page does not say what to do"
        for advised, contrary in CONTRARY.items():
            if re.search(advised, told):
                met[advised] = met.get(advised, 0) + 1
                assert not re.search(contrary, said), (case, finding.verdict.rule, told, re.search(contrary, said))
    assert len(met) >= 3, met


def test_the_walk_would_see_a_contradiction() -> None:
    """Each pattern of a page is met by some page, but for those that no page may ever say."""
    pages = [page(path.stem) for path in CASES.glob("*.md")]
    met = {contrary for contrary in CONTRARY.values() if any(re.search(contrary, said) for said in pages)}
    assert len(met) >= 4
