"""What an operator pastes at night: cut, mixed, half of it missing. What it proves is said, and nothing more.

The texts are made after the formats of the kernels that they name; names, addresses and numbers are invented.
"""

from __future__ import annotations

from diagnosis.diagnose import diagnose
from diagnosis.known import signatures
from diagnosis.verdict import Diagnosis

HELD = """[1203331.131200] migrating pfn 1283f1 failed ret:1
[1203331.131204] page:00000000d3b3c3f0 refcount:3 mapcount:1 mapping:0000000000000000 index:0x7f5c3a21e pfn:0x1283f1
[1203331.131209] memcg:ffff888103e12000
[1203331.131211] anon flags: 0x17ffffc0020014(uptodate|swapbacked|node=0|zone=3|lastcpupid=0x1fffff)
[1203331.131214] raw: 0017ffffc0020014 ffffea0004a0fc08 ffffea0004a0fb88 ffff8881420c5a11
"""
REASON = "[1203331.131216] page dumped because: migration failure\n"


def said(text: str) -> Diagnosis:
    return diagnose(text, signatures())


def test_a_dump_that_is_cut_before_its_reason_is_not_called_free_of_holders() -> None:
    whole, cut = said(HELD + REASON).findings[0], said(HELD).findings[0]
    assert (whole.verdict.mechanism, whole.verdict.proved) == ("extra_reference", True)
    assert (cut.verdict.mechanism, cut.verdict.proved) == ("extra_reference", False)
    assert "cut before the line" in " ".join(cut.verdict.unknown)


def test_a_cut_dump_whose_references_are_all_known_says_so() -> None:
    cut = said(HELD.replace("refcount:3", "refcount:2")).findings[0].verdict
    assert (cut.mechanism, "every reference" in cut.sentence) == ("", True)


def test_a_surplus_is_no_holder_where_no_move_is_said_to_have_failed() -> None:
    """A page that could not be isolated mostly waits in a batch of a CPU, which has a reference of its own."""
    cut = said(HELD.replace("migrating pfn 1283f1 failed ret:1", "failed to isolate pfn 1283f1")).findings[0].verdict
    assert (cut.mechanism, "every reference" in cut.sentence) == ("", False)
