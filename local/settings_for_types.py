"""The settings as the type checker's Django plugin reads them: it looks at models, and opens nothing."""

import os

from manage import NOTHING

os.environ.update(NOTHING)

from config.settings import *  # noqa: F403
