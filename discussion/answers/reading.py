"""One mail that came in, to what is asked of it. Pure, within bounds; runs in a process of its own.

Unreadable   what the sender is told; of `discussion.mail.letters`
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from email.message import Message

from discussion.answers.said import said
from discussion.mail import letters, mime
from discussion.mail.letters import Letter, Unreadable

MAX_BYTES = 1 << 20
MOST_HOPS = 50  # Received lines: more of them is a loop
_OWN_ID = re.compile(r"comment-(\d{1,18})\.\d{12}@")
_PGP = "-----BEGIN PGP MESSAGE-----"


@dataclass(frozen=True)
class Read:
    """`automatic`: why no person wrote it; '' where one did. `failure`: what a bounce says, with its status.

    `authenticated`: what the last mail server on the way says of the sender (RFC 8601), as it stands.
    `answers`: numbers of comments that it refers to, the newest first.
    """

    letter: Letter
    text: str
    automatic: str
    failure: str
    is_encrypted: bool
    has_one_sender: bool
    authenticated: str
    answers: tuple[int, ...]


def read(raw: bytes) -> Read:
    """Raises `Unreadable`."""
    try:
        mail = mime.parsed(raw)
        if not mail.get("Message-ID"):
            mail["Message-ID"] = f"<{hashlib.sha256(raw).hexdigest()[:32]}@without-an-id>"
        letter = letters.letter_of(mail)
    except Unreadable:
        raise
    except mime.TooMuch as error:
        raise Unreadable(str(error)) from None
    except Exception as error:  # the standard library raises all it likes on bytes that are no mail
        raise Unreadable(f"it cannot be read ({type(error).__name__})") from None
    return Read(
        letter=letter,
        text=said(letter.text),
        automatic=_automatic(mail),
        failure=_failure(mail),
        is_encrypted=_is_encrypted(mail, letter),
        has_one_sender=len(mime.addresses(mail, "From")) == 1,
        authenticated=str(mail.get("Authentication-Results", ""))[: mime.MAX_PARAMETERS],
        answers=tuple(int(n) for one in reversed(letter.references) for n in _OWN_ID.findall(one)),
    )


def _is_encrypted(mail: Message, letter: Letter) -> bool:
    """By OpenPGP, in a part or inline, or by S/MIME. What S/MIME only signs in that form has no text either."""
    kind = mail.get_content_type()
    is_smime = kind in ("application/pkcs7-mime", "application/x-pkcs7-mime")
    return is_smime or kind == "multipart/encrypted" or letter.text.lstrip().startswith(_PGP)


def _automatic(mail: Message) -> str:
    """By RFC 3834, and by what programs write that do not know it."""
    submitted = mime.header(mail, "Auto-Submitted").split(";")[0].strip().lower()
    if submitted not in ("", "no"):
        return f"Auto-Submitted: {submitted[:40]}"
    if mime.header(mail, "Precedence").strip().lower() in ("bulk", "junk", "auto_reply"):
        return "Precedence"
    for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Reply", "X-Loop"):
        if mail.get(name):
            return name
    if mail.get_content_type() == "multipart/report" or mime.header(mail, "Return-Path").strip() == "<>":
        return "a report, or without a sender"
    if len(mail.get_all("Received", [])) > MOST_HOPS:
        return "went round and round"
    return ""


def _failure(mail: Message) -> str:
    """Of a delivery status notification (RFC 3464): status and diagnosis of what failed for good; '' of others."""
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status" or not isinstance(part.get_payload(), list):
            continue
        for block in part.get_payload():
            if not isinstance(block, Message):
                continue
            action = mime.header(block, "Action").strip().lower()
            status = mime.header(block, "Status").strip()
            if action == "failed" and status.startswith("5."):
                told = mime.header(block, "Diagnostic-Code") or "no diagnosis"
                return letters.clean(f"{status} {' '.join(told.split())}")[:300]
    return ""
