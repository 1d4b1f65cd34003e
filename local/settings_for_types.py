"""The settings as the type checker's Django plugin reads them: it looks at models, and opens nothing."""

import os

from config.startup.unconnected import UNCONNECTED

os.environ.update(UNCONNECTED)

from config.settings import *  # noqa: F403
