"""From a finished report to the dashboard: into the spool, then out of it, oldest first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable, Optional

from probes.errors import SpoolFull
from probes.sending import report, secret
from probes.sending.send import Refused, Sender, Unreachable, Unwelcome
from probes.sending.spool import Spool

URL_VARIABLE = "UNMIGRATABLE_URL"
Say = Callable[[str], None]


def sender(url: str, token: Optional[str], token_file: Optional[str], insecure: bool, say: Say) -> Sender:
    """Raises Unwelcome where the address is no good or there is no token; OSError for an unreadable file."""
    found = secret.find(token, token_file, os.environ)
    if not found:
        raise Unwelcome("no token: --token-file F, or $%s" % secret.VARIABLE)
    return Sender(url, found, insecure, say)


def keep(spool: Spool, body: bytes, say: Say) -> bool:
    """Put a report into the spool. False, and said why, where that fails: the result was printed already."""
    try:
        path = spool.put(report.run_id(body), body)
    except (SpoolFull, OSError) as error:
        say("not kept: %s" % error)
        return False
    say("kept in %s" % path)
    return True


def send_waiting(spool: Spool, sender: Sender, say: Say) -> bool:
    """Send what waits, oldest first. True where all of it was taken."""
    all_taken = True
    for path in spool.waiting():
        try:
            all_taken = _send(spool, path, sender, say) and all_taken
        except (Unreachable, Unwelcome) as error:
            say("not sent: %s" % error)
            say("%d kept in %s; send later with `submit`" % (len(spool.waiting()), spool.folder))
            return False
    return all_taken


def _send(spool: Spool, path: Path, sender: Sender, say: Say) -> bool:
    try:
        body = path.read_bytes()
        receipt = sender.send(report.run_id(body), body, report.media_type(body))
    except FileNotFoundError:
        return True  # another `submit` was faster
    except (Refused, ValueError) as error:
        say("refused: %s" % error)
        say("moved aside to %s" % spool.refuse(path))
        return False
    spool.done(path)
    say("sent: %s (%s)" % (receipt.address, receipt.state or "taken"))
    return True
