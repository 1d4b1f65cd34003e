"""No advice that its text contradicts: every verdict of the tests' texts against every sentence that may be said."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from diagnosis.answers import what_now
from diagnosis.answers.advice import now_for
from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.rules.verdict import Finding
from diagnosis.text.record import Record
from tests.diagnosis import test_field, test_kernels, test_ranking, test_task_state
from tests.diagnosis.corpus import ALL

# What a sentence says, and the fact without which nobody may be told it.
SAYS = {
    r"Ctrl-C|can be interrupted": "interruptible|alive",
    r"as the holder lets go|look for the holder|nothing holds (?:the folio|a page)": "held",
    r"goes on by itself": "alive",
    r"does not mind signals": "asleep",
    r"came back with an error, and": "came-back",
    r"holder answers or ends": "proved-holder",
    r"stays locked until|only a reboot": "dead",
    r"try again at any time": "may-move",
}
OOPS = (
    "kernel BUG at include/linux/swapops.h:201!\nCPU: 3 PID: 711 Comm: kcompactd0 Not tainted 6.1.0 #1\nCall Trace:\n"
)
DEAD = OOPS + " migrate_pages+0x1/0x2\n compact_zone+0x1/0x2\n kcompactd+0x1/0x2\n"


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


def _found() -> Iterator[tuple[Finding, tuple[Record, ...]]]:
    for text in TEXTS:
        for given in (text, DEAD + text):
            made = diagnose(given, signatures())
            yield from ((finding, made.records) for finding in made.findings)


FOUND = list(_found())


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
    for finding, records in FOUND:
        holding, row, told = what_now.facts(finding, records), what_now.rows(finding), now_for(finding, records)
        for advice in {one for rows in what_now.NOW.values() for one in rows}:
            may_be_said = advice in row and holding.issuperset(advice.needs)
            assert may_be_said or advice.text not in told, advice.text
            nr_said += may_be_said
            nr_kept_back += advice in row and not may_be_said
    assert nr_said > 200 and nr_kept_back > 50


def test_the_words_fit_the_verdict() -> None:
    for finding, records in FOUND:
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
    used = {id(what_now.rows(finding)) for finding, _ in FOUND}
    assert len(used) >= 18


def test_who_waits_for_a_mover_that_died_is_told_so() -> None:
    victim = test_task_state.NEW.format("D", "") + (
        " io_schedule+0x1/0x2\n migration_entry_wait_on_locked+0x1/0x2\n migration_entry_wait+0x1/0x2\n"
        " do_swap_page+0x1/0x2\n"
    )
    assert "goes on by itself" in diagnose(victim).now[0].text
    now = " ".join(reason.text for reason in diagnose(DEAD + victim).now)
    assert "goes on by itself" not in now and "only a reboot" in now
