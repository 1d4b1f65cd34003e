"""Names of tests in other suites, and which cases they speak of."""

from __future__ import annotations

import pytest

from diagnosis.formats import ktap
from diagnosis.formats.format import Given
from diagnosis.matching import match, naming


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("selftests: mm: migration", "migration.private_anon"), "mm.migration.private_anon"),
        (("suite", "case name"), "suite.case.name"),
        (("fuse-writeback.compaction",), "fuse-writeback.compaction"),
        (("",), ""),
        (("mm/cow",), "mm.cow"),
    ],
)
def test_nested_names_become_one_path(parts: tuple[str, ...], name: str) -> None:
    assert naming.path(parts) == name


@pytest.mark.parametrize(
    ("test", "name", "speaks"),
    [
        ("mm.migration.private_anon", "mm.migration", True),
        ("kselftest.mm.migration", "mm.migration", True),
        ("kvm.migration", "mm.migration", False),
        ("ltp.syscalls.move_pages01", "move_pages*", True),
        ("ltp.syscalls.move_page", "move_pages*", False),
        ("mm", "mm.migration", False),
        ("", "a", False),
        ("mm.migrations", "mm.migration", False),
        # kselftest's mm, as run_vmtests.sh and the scripts for a group of it print it.
        ("mm.run_vmtests.sh.migration.shared_anon", "mm.migration", True),
        ("mm.run_vmtests.sh.cow.vmsplice.in.child", "mm.cow", True),
        ("mm.run_vmtests.sh.gup_test.-u", "gup_test", True),
        ("mm.run_vmtests.sh.test_hmm.sh.smoke.hmm.hmm_device_private.exclusive_cow", "hmm-tests", True),
        ("mm.ksft_migration.sh.migration.migration.shared_anon", "mm.migration", True),
        ("mm.ksft_hmm.sh.test_hmm.sh.smoke", "hmm-tests", True),
        ("mm.run_vmtests.sh.ksm_tests.-M", "mm.migration", False),
        ("mm.run_vmtests.sh.uffd-unit-tests.cow", "mm.cow", False),
        # The same, as KernelCI and LKFT flatten it.
        ("kselftest.mm.mm_run_vmtests_sh_migration_migration_shared_anon", "mm.migration", True),
        ("kselftest-mm.mm_run_vmtests_sh_migration_migration_shared_anon", "mm.migration", True),
        ("mm_run_vmtests_sh_cow", "mm.cow", True),
        ("run_vmtests_sh_cow", "mm.cow", True),
        ("kselftest.mm.mm_run_vmtests_sh_gup_longterm", "gup_longterm", True),
        ("kselftest.mm.mm_run_vmtests_sh_gup_test_-u", "gup_test", True),
        ("kselftest.mm.mm_run_vmtests_sh_split_huge_page_test_Split_huge_pages", "split_huge_page_test", True),
        ("kselftest.mm.mm_run_vmtests_sh_test_hmm_sh_smoke_hmm_hmm_device_private_exclusive_cow", "hmm-tests", True),
        ("kselftest.mm.mm_ksft_migration_sh_migration_migration_shared_anon", "mm.migration", True),
        ("kselftest.mm.mm_gup_longterm", "gup_longterm", True),
        ("kselftest.mm.mm_run_vmtests_sh_uffd-unit-tests_migration", "mm.migration", False),
        ("kselftest.mm.mm_run_vmtests_sh_cows", "mm.cow", False),
        ("kselftest.kvm.kvm_run_tests_sh_migration", "mm.migration", False),
        ("kselftest.mm.cow_and_migration", "mm.migration", False),
        ("kselftest.memory-hotplug.memory-hotplug_mem-on-off-test_sh", "mem-on-off-test", True),
        ("memory-hotplug.mem-on-off-test.sh", "mem-on-off-test", True),
        ("ltp.migrate_pages02", "migrate_pages*", True),
        ("ltp.syscalls.move_pages12", "move_pages*", True),
        ("sh", "sh", True),
        (".sh", "a", False),
    ],
)
def test_a_name_stands_for_a_stretch_of_the_path(test: str, name: str, speaks: bool) -> None:
    assert naming.names(test, naming.stretch(name)) is speaks


def test_a_test_is_attached_to_the_case_whose_file_names_it() -> None:
    body = b"KTAP version 1\n1..2\nok 1 selftests: mm: cow\nok 2 selftests: mm: other\n"
    cow, other = ktap.observations(body, Given("6.18.44", "x86_64"))
    known = [match.Signature("some-case", frozenset({"some-case", "mm.cow"}))]
    (found,) = match.match(cow, known)
    assert (found.case, found.reason) == ("some-case", "The test mm.cow speaks of this case, by mm.cow.")
    assert match.match(other, known) == []
