"""The cases that can be made to happen: one module each, which defines `CASE`."""

from __future__ import annotations

from typing import Dict

from probes.cases import fuse_writeback, readahead_locked, vmsplice_pipe
from probes.experiment import Case

CASES: Dict[str, Case] = {module.CASE.slug: module.CASE for module in (fuse_writeback, readahead_locked, vmsplice_pipe)}
