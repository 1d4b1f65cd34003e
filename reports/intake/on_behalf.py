"""One sender for many machines: whose result it is, where the request, the report or a line of a batch names one."""

from __future__ import annotations

import json

from diagnosis.formats.faults import Fault
from people.access.authentication import Sender
from people.models import Machine, Scope
from reports.intake.refusals import Refusal


def machine_of(sender: Sender, name: str) -> Machine:
    """The machine called `name`, '' for the sender's own. Raises `Refusal` where this token may not send for it."""
    if name in ("", sender.machine.name):
        return sender.machine
    if Scope.SUBMIT_FOR not in sender.scopes:
        raise _refused(f"{sender.machine.name}, or a token with the scope {Scope.SUBMIT_FOR}", name)
    found = Machine.objects.filter(name=name, owner=sender.machine.owner_id).first()
    if found is None:
        raise _refused("a machine of the same owner", name)
    return found


def _refused(expected: str, name: str) -> Refusal:
    return Refusal("not-your-machine", [Fault("machine", expected, repr(name[:64]))])


def named_in(body: bytes) -> str:
    """The machine that a native report names, '' for none. What is no JSON is refused later, with its place."""
    if b'"machine"' not in body:  # which saves reading every report twice
        return ""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    name = document.get("machine") if isinstance(document, dict) else None
    return name.replace("\x00", "") if isinstance(name, str) else ""
