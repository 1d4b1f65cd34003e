"""The cases that can be made to happen: one module each, which defines `CASE`."""

from __future__ import annotations

from typing import Dict

from probes.cases import (
    aio_ring,
    bh_refs_blockdev,
    fuse_writeback,
    gup_longterm,
    hugetlb_no_surplus,
    io_uring_fixed_buffers,
    lru_add_batches,
    mlock_compaction_policy,
    netfs_unresponsive_server,
    odirect_slow_io,
    readahead_locked,
    secretmem,
    skb_frags_sendfile,
    splice_pagecache_pipe,
    split_dirty_iomap,
    vmsplice_pipe,
)
from probes.run.experiment import Case

_MODULES = (
    fuse_writeback,
    readahead_locked,
    vmsplice_pipe,
    splice_pagecache_pipe,
    skb_frags_sendfile,
    odirect_slow_io,
    io_uring_fixed_buffers,
    gup_longterm,
    secretmem,
    mlock_compaction_policy,
    split_dirty_iomap,
    netfs_unresponsive_server,
    lru_add_batches,
    bh_refs_blockdev,
    aio_ring,
    hugetlb_no_surplus,
)
CASES: Dict[str, Case] = {module.CASE.slug: module.CASE for module in _MODULES}
