"""`make bench-sweep`: what looking for lost work costs with very many reports, beside how it was looked for before.

Each question is asked in turn with the one that it took the place of: buffers of 8 kB that it touches, and time.

    python -m bench.sweep [REPORTS]
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from typing import Any

from bench.site import ROOT, environment
from local.postgres import FAST, Postgres

ROUNDS = 5
LYING = """
INSERT INTO reports_report (id, machine_id, received_at, media_type, format, given, size_bytes, sha256, run_id, state,
                            turn, attempts, settled_at, nr_observations, nr_unmatched, matched_by, traceback)
SELECT gen_random_uuid(), %s, now() - n * interval '1 s', 'text/plain', 'kernel-log', '{}', 100, repeat('a', 64),
       'run-' || n, 'settled', 1, 1, now(), 1, 1, %s, '' FROM generate_series(1, %s) n
"""


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    folder = ROOT / "var" / "bench-sweep"
    folder.mkdir(parents=True, exist_ok=True)
    server = Postgres(folder / "postgres", {**FAST, "shared_buffers": "512MB"})
    server.start()
    try:
        os.environ.update(environment(server.url, folder))
        _measure(number)
    finally:
        server.stop()
        server.erase()


def _measure(number: int) -> None:
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("load_cases", verbosity=0)
    from diagnosis.matching.match import digest
    from people.access import machines
    from people.models import Machine, User
    from reports.models import Report, State
    from reports.worker import known_signatures

    machines.add("bench", User.objects.create(username="bench"), trusted=True)
    today = digest(known_signatures.known_signatures())
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(LYING, [Machine.objects.get().pk, today, number])
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM (ANALYZE)")
    lying = Report.objects.filter(state=State.SETTLED, nr_unmatched__gt=0).values_list("pk", flat=True)
    below, above = lying.filter(matched_by__lt=today), lying.filter(matched_by__gt=today)
    questions = {
        "before: all but today's": [lying.exclude(matched_by=today).order_by("received_at")[:500]],
        "now: either side of today's": [one.order_by("matched_by")[:500] for one in (below, above)],
    }
    print(f"{number:,} settled reports with something unmatched; load {os.getloadavg()[0]:.1f}")
    took: dict[str, list[tuple[float, int]]] = {name: [] for name in questions}
    for _ in range(ROUNDS):
        for name, asked in questions.items():
            took[name].append(_asked(asked))
    for name, rounds in took.items():
        print(f"  {name}: {statistics.median(ms for ms, _ in rounds):.2f} ms, {rounds[-1][1]} buffers")


def _asked(questions: list[Any]) -> tuple[float, int]:
    import json

    start, buffers = time.perf_counter(), 0
    for question in questions:
        list(question.all())  # a QuerySet keeps what it found
    milliseconds = 1000 * (time.perf_counter() - start)
    for question in questions:
        (plan,) = json.loads(question.explain(analyze=True, buffers=True, format="json"))
        buffers += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    return milliseconds, buffers


if __name__ == "__main__":
    main()
