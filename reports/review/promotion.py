"""From what nobody has explained to a draft case, with the observations attached to it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.text import slugify

from catalog.documents import parser
from catalog.documents.schema import Bounds, CaseText, Source
from catalog.models import Case
from catalog.models.text import Origin, State
from catalog.revisions import store
from people.models import User
from reports.review import triage
from reports.review.triage import Group


@transaction.atomic
def promote(group: Group, editor: User, said: dict[str, Any]) -> Case:
    """A draft, and the ruling that the group is it. Taking the ruling back leaves the draft to its editor.

    Raises `Malformed` where a case of this name exists, and `triage.AlreadyRuled`.
    """
    slug = slugify(said["title"].replace("_", "-"))[:64].strip("-")
    seen = f"{group.nr_observations} observations on {group.nr_machines} machines, fingerprint {group.fingerprint}"
    what = group.sample.says or f"{group.sample.names}: {group.sample.outcome}"
    text = parser.write(
        CaseText(
            case=slug,
            title=said["title"],
            kind="case",
            status="open",
            mechanism=said["mechanism"],
            controllers=tuple(said["controllers"]),
            bounds=Bounds(time="unknown"),
            summary=f"Not explained yet. Seen: {what}",
            sources=(Source(known_by="experiment", where=f"reports to this site: {seen}"),),
        )
    )
    store.save(text, origin=Origin.SITE, author=editor, new=True, state=State.DRAFT, note="from what was unmatched")
    case = Case.objects.get(slug=slug)
    triage.rule(group.fingerprint, editor, case, "drafted from it")
    return case
