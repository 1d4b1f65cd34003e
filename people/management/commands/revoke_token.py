"""Ends a token at once, named by its first characters as the journal shows them. What it sent stays."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from people import journal
from people.models import Token


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prefix", help="umg_ and six characters.")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        found = Token.objects.select_related("machine").filter(prefix=options["prefix"][:10], revoked_at=None)
        if not found:
            raise CommandError("There is no such token, or it is revoked already.")
        for token in found:
            Token.objects.filter(pk=token.pk).update(revoked_at=timezone.now())
            journal.record("token.revoked", "machine", token.machine.name, None, prefix=token.prefix)
            self.stdout.write(f"revoked {token.prefix} of {token.machine.name}")
