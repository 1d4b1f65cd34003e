"""Adds a machine and prints its token, once, alone on standard output."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from people import machines
from people.models import Role, Scope, User


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner", help="A person's user name. Default: the first maintainer.")
        parser.add_argument("--scope", action="append", choices=Scope.values, help="Default: submit. May be repeated.")
        parser.add_argument("--wait", action="store_true", help="What it sends waits for a maintainer's trust.")
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
        try:
            scopes = tuple(options["scope"] or [Scope.SUBMIT])
            secret = machines.add(options["name"], owner, scopes, expires_at, trusted=not options["wait"])
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        self.stderr.write(f"Machine {options['name']} of {owner.username}. The token is shown this once:")
        self.stdout.write(secret)
