#!/usr/bin/env python3
"""Django's commands. While `make run` is up they work with nothing set: its environment is taken over."""

import importlib.util
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# These read files alone, and need nothing that the settings ask for.
WITHOUT_A_DATABASE = ("check_cases", "record_reports", "recorded_matrix", "help")
# These look at the code, and ask a database nothing that they need.
WITH_OR_WITHOUT = ("check", "collectstatic", "diffsettings", "findstatic", "makemigrations", "--help", "--version")


def find_environment() -> None:
    """Takes over what `make run` wrote down, unless the caller named a database."""
    if os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE"):
        return
    try:
        var = Path(os.environ.get("UNMIGRATABLE_VAR") or ROOT / "var")
        running = json.loads((var / "running.json").read_text())
        os.kill(running["pid"], 0)
    except (OSError, ValueError):
        return
    for name, value in running["environment"].items():
        os.environ.setdefault(name, value)


def main() -> None:
    python = ROOT / ".venv" / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != (ROOT / ".venv").resolve():
        os.execv(python, [str(python), *sys.argv])
    if importlib.util.find_spec("django") is None:
        sys.exit("Django is not installed here. `make run` installs what is needed.")
    from config.startup.unconnected import UNCONNECTED

    find_environment()
    if sys.argv[1:2] and sys.argv[1] in WITHOUT_A_DATABASE and not os.environ.get("DATABASE_URL"):
        os.environ.update(UNCONNECTED)
    if not (os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE")):
        print(
            "No database: start `make run` first, or set DATABASE_URL (and what docs/settings.md lists).",
            file=sys.stderr,
        )
        sys.exit(2)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    from config.startup import starting

    with starting.or_a_sentence():
        starting.demand_settings()
        if sys.argv[1:2] and sys.argv[1] not in (*WITHOUT_A_DATABASE, *WITH_OR_WITHOUT):
            starting.demand_database()
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
