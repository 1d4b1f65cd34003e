"""The site's own settings, and for the yardstick next to nothing: BENCH_BARE=1 serves one view without middleware."""

from __future__ import annotations

import os

from config.settings import *  # noqa: F403 - all of them, but for what the yardstick leaves out

if os.environ.get("BENCH_BARE"):
    ROOT_URLCONF = "bench.bare"
    MIDDLEWARE = []
    INSTALLED_APPS = []
