"""Which case an observation speaks of, by which rule, and why."""

from __future__ import annotations

from dataclasses import replace

from catalog.documents import known_signatures
from diagnosis.matching import known
from diagnosis.matching import match as match_module
from diagnosis.matching.match import MAX_REASON, Match, Sign, Signature, digest, match
from diagnosis.matching.observation import Observation

FUSE = Signature("fuse-writeback", frozenset({"fuse-writeback", "fuse-wb", "fuse_test"}))
PIPE = Signature("vmsplice-pipe", frozenset({"vmsplice-pipe"}))


def seen(names: str) -> Observation:
    return Observation(
        key="/runs/0",
        kind="run",
        names=names,
        release="6.18.44",
        label="",
        architecture="x86_64",
        mover="compaction",
        migrate_mode="MIGRATE_SYNC",
        area="zone_movable",
        environment="host",
        outcome="hangs",
        freed_seconds=None,
        fingerprint="",
    )


def test_a_run_that_names_a_case_is_its() -> None:
    assert match(seen("fuse-writeback"), [PIPE, FUSE]) == [Match("fuse-writeback", "named", "The run names this case.")]


def test_another_name_of_a_case_does_too_and_is_told() -> None:
    (found,) = match(seen("fuse-wb"), [PIPE, FUSE])
    assert (found.case, found.reason) == ("fuse-writeback", "The run names fuse-wb, which stands for this case.")


def test_nearly_the_name_is_not_the_name() -> None:
    for names in ("fuse", "fuse-writeback-2", "FUSE-WRITEBACK", ""):
        assert match(seen(names), [PIPE, FUSE]) == []


def test_a_reason_with_two_long_names_fits_its_column() -> None:
    name = "a" * 400
    (found,) = match(replace(seen(name), kind="test"), [Signature("a-case", frozenset({name}))])
    assert len(found.reason) == MAX_REASON and found.reason.endswith("…")


def test_a_name_that_two_cases_carry_matches_both_in_order() -> None:
    other = Signature("a-case", frozenset({"a-case", "fuse_test"}))
    assert [found.case for found in match(seen("fuse_test"), [FUSE, other])] == ["a-case", "fuse-writeback"]


def test_the_digest_changes_exactly_with_the_signatures() -> None:
    before = digest([FUSE, PIPE])
    assert digest([PIPE, FUSE]) == before
    assert digest([FUSE]) != before
    assert digest([FUSE, Signature("vmsplice-pipe", frozenset({"vmsplice-pipe", "vp"}))]) != before


def test_names_with_commas_are_not_taken_for_several() -> None:
    assert digest([Signature("a", frozenset({"b", "c"}))]) != digest([Signature("a", frozenset({"b,c"}))])


def test_a_sign_knows_either_beginnings_and_absence() -> None:
    marks = {"folio:anon", "frame:nfs_wb_folio"}
    ordered = tuple(sorted(marks))
    for wanted, holds in [
        (("folio:anon",), True),
        (("folio:file",), False),
        (("folio:file|folio:anon",), True),
        (("frame:nfs_*",), True),
        (("frame:fuse_*",), False),
        (("!folio:file", "folio:anon"), True),
        (("!folio:anon",), False),
        ((), False),
    ]:
        assert Sign(wanted, "").holds(marks, ordered) is holds, wanted


def test_the_probe_carries_the_signatures_of_the_case_files() -> None:
    assert known_signatures.KNOWN.read_text() == known_signatures.written(), "run `make signatures`"
    assert len(known.signatures()) > 40


def test_names_are_put_in_order_once_for_a_signature_and_not_for_each_test() -> None:
    signature = Signature("many", frozenset({"many", *(f"suite.test_{n}*" for n in range(30))}))
    before = match_module._stretches.cache_info().misses
    for n in range(200):
        match(replace(seen(f"suite.other_{n}"), kind="test"), [signature])
    assert match_module._stretches.cache_info().misses == before + 1


def test_an_index_finds_what_trying_every_signature_finds() -> None:
    signatures = [
        *known.signatures(),
        replace(FUSE, case="ruled", fingerprints=frozenset({"f"})),
        Signature("globs", frozenset({"move_pages*", "*", "mm.cow", "gup_*.a"})),
        Signature("other-globs", frozenset({"mm.m*", "migration"})),
    ]
    names = sorted({name for one in signatures for name in one.names})
    names += ["", "fuse", "mm.cow.x", "a.mm.cow", "ltp.move_pages12", "gup_test.a", "nothing.of.ours"]
    names += ["kselftest.mm.mm_run_vmtests_sh_migration_migration_shared_anon", "mm.run_vmtests.sh.migration.a"]
    marks = sorted({mark for one in signatures for sign in one.proves for mark in sign.marks})
    said = [replace(seen(name), kind=kind) for name in names for kind in ("run", "test")]
    said += [replace(seen(""), fingerprint="f"), replace(seen("vmsplice-pipe"), fingerprint="f", marks=tuple(marks))]
    said += [replace(seen(""), kind="log", marks=(mark,)) for mark in marks]
    index = match_module.Index(signatures)
    found = [match(one, index) for one in said]
    assert found == [match(one, signatures) for one in said]
    assert {one.rule for matches in found for one in matches} == set(match_module.RULES)


def test_with_a_thousand_cases_an_observation_is_tried_with_those_that_may_be_meant() -> None:
    many = [Signature(f"case-{n}", frozenset({f"case-{n}", f"mm.test_{n}", f"suite{n}.a*"})) for n in range(1_000)]
    index = match_module.Index(many)
    for said in (seen("case-7"), replace(seen("mm.test_7"), kind="test"), replace(seen("suite7.abc"), kind="test")):
        assert [one.case for one in match(said, index)] == ["case-7"]
    assert len(index.for_one(seen("case-7"))) == 1
    assert len(index.for_one(replace(seen("suite7.abc"), kind="test"))) == 1
