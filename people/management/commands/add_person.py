"""Adds a person and prints a password, once, alone on standard output."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from people import journal
from people.models import Role, User


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--role", choices=Role.values, default=Role.CONTRIBUTOR)
        parser.add_argument("--kernel-name", default="", help="As in Signed-off-by lines.")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        person = User(username=options["name"], role=options["role"], kernel_name=options["kernel_name"])
        password = secrets.token_urlsafe(12)
        person.set_password(password)
        try:
            person.full_clean()
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        person.save()
        journal.record("person.added", "person", str(person.pk), None, role=person.role)
        self.stderr.write(f"{person.username} ({person.role}). The password is shown this once:")
        self.stdout.write(password)
