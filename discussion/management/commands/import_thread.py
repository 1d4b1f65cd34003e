"""Imports a thread of a mailing list: an mbox (packed or not), or a Message-ID, which is fetched from the archive."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.models import Document
from discussion.mail import archive, fetcher, importer, letters


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", metavar="FILE|MSGID")
        parser.add_argument("--case", action="append", default=[], metavar="SLUG", help="A case that it speaks of.")
        parser.add_argument("--strategy", action="append", default=[], metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        documents = [_document(kind, slug) for kind in ("case", "strategy") for slug in options[kind]]
        path = Path(options["what"])
        try:
            taken = self._file(path, documents) if path.is_file() else self._fetched(options["what"], documents)
        except (archive.NotFetched, letters.Unreadable) as error:
            raise CommandError(f"{options['what']}: {error}") from None
        for thread in taken.threads:
            self.stdout.write(f"{thread.get_absolute_url()}  {thread.nr_letters} letters  {thread.subject}")
        self.stdout.write(f"{taken.nr_new} new, {taken.nr_known} known")

    def _file(self, path: Path, documents: list[Document]) -> importer.Taken:
        box = letters.read_apart(archive.unpacked(path.read_bytes()))
        if box.skipped:
            self.stderr.write(box.note)
        return importer.take(box, documents)

    def _fetched(self, given: str, documents: list[Document]) -> importer.Taken:
        message_id = letters.message_id(given)
        if not message_id:
            raise CommandError(f"{given}: there is no such file, and this is no Message-ID")
        thread = fetcher.ask_for(message_id, documents)
        taken = fetcher.fetch(thread)
        if taken is None:
            thread.refresh_from_db()
            raise CommandError(f"{given}: {thread.fault}")
        return taken


def _document(kind: str, slug: str) -> Document:
    found = Document.objects.filter(kind=kind, slug=slug).first()
    if found is None:
        raise CommandError(f"There is no {kind} {slug}.")
    return found
