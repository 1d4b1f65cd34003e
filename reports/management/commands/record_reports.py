"""Puts reports into data/recorded/, packed, with their date, kernel and command.

    manage.py record_reports ~/.cache/unmigratable-lab/reports/guest-6.1.0-50-amd64 --kernel bookworm
    manage.py record_reports …/guest-7.3.4-lab-base --command "probe.pyz lab --source … --series …"

The folder's name becomes the machine's. A report of the same name there gives way; the same report stays as it is, with
its command: several ways out have a base in common, and what measures it again is the command that measured it.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from diagnosis.formats.faults import Unreadable
from reports.recorded import files


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="with one MACHINE/NAME.json a report, as the lab keeps them")
        parser.add_argument("--kernel", default="", help="what the lab was asked for; left out for a machine's own")
        parser.add_argument("--command", default="", help="what measured them, if it took more than a kernel")
        parser.add_argument("--into", type=Path, default=files.FOLDER, help="default: data/recorded")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"].resolve()
        made: dict[Path, bytes] = {}
        nr_there = 0
        for path in sorted(folder.glob("*.json")):
            target = options["into"] / folder.name / (path.stem + files.ENDING)
            try:
                report = json.loads(path.read_bytes())
                if target.exists() and json.loads(files.read(target).body) == report:
                    nr_there += 1
                    continue
                command = options["command"] or files.command_for(report, options["kernel"])
                made[target] = files.packed(report, command)
            except (ValueError, KeyError, Unreadable) as error:
                raise CommandError(f"{path}: {error}; nothing was written") from None
        if not made and not nr_there:
            raise CommandError(f"there is no report in {folder}")
        for target, body in made.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)
        self.stdout.write(f"{len(made)} recorded, {sum(map(len, made.values()))} bytes; {nr_there} were there already")
