"""Loads the recorded reports: real ones, sent by the probe on real kernels, each once."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from people.models import Machine, Role, User
from reports import inbox
from reports.tasks import bell

FOLDER = settings.BASE_DIR / "catalog" / "recorded"


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        owner, _ = User.objects.get_or_create(username="recorded", defaults={"role": Role.READER, "password": "!"})
        new = 0
        paths = sorted(FOLDER.glob("*/*.json"))
        for path in paths:
            machine, _ = Machine.objects.get_or_create(name=path.parent.name, defaults={"owner": owner})
            body = json.dumps(json.loads(path.read_text())).encode()
            _, is_new = inbox.take(inbox.Sending(machine, body, "application/json", None))
            new += is_new
        if new:
            bell.ring_now()
        self.stdout.write(f"recorded reports: {new} new of {len(paths)}")
