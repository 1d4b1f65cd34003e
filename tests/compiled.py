"""Keeps what Python compiles in var/, where PYTHONDONTWRITEBYTECODE is set as well.

To compile what the pages import takes 6 s of CPU, and the suite starts Python a hundred times: for each worker of its
own, and for each web server, worker and `manage.py` of the tests that start processes. This is the first plugin, so
that all others are kept too.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

KEPT = Path(__file__).resolve().parent.parent / "var" / "pycache"

sys.pycache_prefix = os.environ.setdefault("PYTHONPYCACHEPREFIX", str(KEPT))
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
