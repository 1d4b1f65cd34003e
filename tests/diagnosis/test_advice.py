"""What a person is told to do now: by what holds the memory, and by the manner only where that is all."""

from __future__ import annotations

import pytest

from diagnosis.diagnose import diagnose
from diagnosis.known import signatures

SLAB = """page: refcount:1 mapcount:0 mapping:0000000000000000 index:0x7f24 pfn:0x23f000
flags: 0x17ffffc0000200(slab|node=0|zone=3|lastcpupid=0x1fffff)
page dumped because: unmovable page
"""
SECRETMEM = """migrating pfn 23f000 failed ret:1
page: refcount:3 mapcount:0 mapping:0000000000000000 index:0x7f24 pfn:0x23f000
aops:secretmem_aops ino:41
flags: 0x17ffffc0000000(node=0|zone=3|lastcpupid=0x1fffff)
page dumped because: migration failure
"""
SOFT_OFFLINE = "soft offline: 0x8ab130: page migration failed 1, type 0x17ffffc0040015(uptodate|lru|swapbacked)\n"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (SLAB, "cannot be moved at all"),
        (SECRETMEM, "never lets a folio move"),
        (SOFT_OFFLINE, "try again at any time"),
    ],
)
def test_trying_again_is_in_vain_only_where_memory_never_moves(text: str, advice: str) -> None:
    assert advice in diagnose(text, signatures()).now[0].text
