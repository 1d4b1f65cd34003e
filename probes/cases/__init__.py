"""The cases that can be made to happen: every module here defines `CASE`. Adding one is adding its module."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Dict

from probes.run.experiment import Case


def _found() -> Dict[str, Case]:
    """By slug. A module without a `CASE` is an error: a probe that is silently left out measures nothing."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    cases = [importlib.import_module("probes.cases." + name).CASE for name in names]
    return {case.slug: case for case in cases}


CASES = _found()
