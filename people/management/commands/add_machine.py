"""Adds a machine. Its token goes into a file that only you can read, or is printed once, alone on standard output."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from people.access import machines, secret_files
from people.models import Role, Scope, User


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner", help="A person's user name. Default: the first maintainer.")
        parser.add_argument("--scope", action="append", choices=Scope.values, help="Default: submit. May be repeated.")
        parser.add_argument("--wait", action="store_true", help="What it sends waits for a maintainer's trust.")
        parser.add_argument("--token-file", type=Path, help="A new file for the token, readable by its owner alone.")
        parser.add_argument("--days", type=int, help="Days until the token expires. Default: never.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["owner"]:
            owner = User.objects.filter(username=options["owner"]).first()
        else:
            owner = User.objects.filter(role=Role.MAINTAINER, is_active=True).order_by("pk").first()
        if owner is None:
            raise CommandError("No such person to own the machine: add one with add_person.")
        if options["days"] is not None and not 1 <= options["days"] <= 3650:
            raise CommandError("--days: expected 1 to 3650.")
        expires_at = timezone.now() + timedelta(days=options["days"]) if options["days"] else None
        file = options["token_file"]
        try:
            with transaction.atomic():
                scopes = tuple(options["scope"] or [Scope.SUBMIT])
                secret = machines.add(options["name"], owner, scopes, expires_at, trusted=not options["wait"])
                if file:
                    secret_files.create(file, secret)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        except OSError as error:
            raise CommandError(
                f"--token-file: {file} cannot be made: {error.strerror}. No machine was added."
            ) from None
        added = f"Machine {options['name']} of {owner.username}."
        if file:
            self.stderr.write(f"{added} Its token is in {file}.")
        else:
            self.stderr.write(f"{added} The token is shown this once:")
            self.stdout.write(secret)
