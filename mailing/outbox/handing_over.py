"""One mail to the mail server, and what is known of it afterwards.

SMTP has no exactly-once: whoever is cut off after the text began knows nothing. Until then, and with each answer of
the server's, it is known; so the steps are taken one by one here.
"""

from __future__ import annotations

import smtplib
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from enum import Enum
from typing import Any

from django.core.mail import EmailMessage as DjangoMessage
from django.core.mail import get_connection

from mailing.letters.making import Letter


class Fate(Enum):
    TAKEN = "taken"
    NOT_REACHED = "not reached"  # the server serves nobody now
    LATER = "later"  # it does not take this one now
    NEVER = "never"  # nor will it
    NO_SUCH_PERSON = "no such person"  # it does not know the address
    IN_DOUBT = "in doubt"


@dataclass(frozen=True)
class Outcome:
    fate: Fate
    why: str = ""


class _Ready(DjangoMessage):
    """A mail that is made already, for backends that write files or keep lists."""

    def __init__(self, letter: Letter) -> None:
        subject, body = str(letter.message["Subject"]), str(letter.message.get_content())
        super().__init__(subject, body, letter.sender, [letter.to])
        self.ready = letter.message

    def message(self, **_: Any) -> EmailMessage:
        return self.ready


class Line:
    """A connection that the first mail opens, and the next one again where it was lost."""

    def __init__(self) -> None:
        self._backend: Any = get_connection()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with suppress(OSError, smtplib.SMTPException):
            self._backend.close()

    def hand_over(self, letter: Letter) -> Outcome:
        made = self._handed(letter)
        if made.fate in (Fate.NOT_REACHED, Fate.IN_DOUBT):
            self.close()
        return made

    def _handed(self, letter: Letter) -> Outcome:
        try:
            self._backend.open()
            server = getattr(self._backend, "connection", None)
            if not isinstance(server, smtplib.SMTP):
                self._backend.send_messages([_Ready(letter)])
                return Outcome(Fate.TAKEN)
            if refused := self._addressed(server, letter):
                return refused
        except UnicodeError as error:  # an address that this server has no letters for
            self.close()  # in the middle of a mail
            return Outcome(Fate.NEVER, _said(error))
        except (OSError, smtplib.SMTPException) as error:
            return Outcome(Fate.NOT_REACHED, _said(error))
        return _given(self._backend.connection, letter)  # another one, where it was called again

    def _addressed(self, server: smtplib.SMTP, letter: Letter) -> Outcome | None:
        """MAIL and RCPT; a server that hung up, as some do after so many mails, is called once more."""
        try:
            code, said = _mail(server, letter)
        except smtplib.SMTPServerDisconnected:
            code, said = 421, b""
        if code == 421:
            self.close()
            self._backend.open()
            server = self._backend.connection
            code, said = _mail(server, letter)
        if code != 250:  # it is the sender that it does not want, so the mail may still be good
            server.rset()
            return Outcome(Fate.LATER, _text(code, said))
        code, said = server.rcpt(letter.to)
        if code not in (250, 251):
            server.rset()
            return Outcome(Fate.LATER if code < 500 else Fate.NO_SUCH_PERSON, _text(code, said))
        return None


def _mail(server: smtplib.SMTP, letter: Letter) -> tuple[int, bytes]:
    server.ehlo_or_helo_if_needed()
    wants_8bit = server.has_extn("8bitmime")
    return server.mail(letter.sender, ["BODY=8BITMIME"] if wants_8bit else [])


def _given(server: smtplib.SMTP, letter: Letter) -> Outcome:
    try:
        code, said = server.data(letter.as_bytes)
    except smtplib.SMTPDataError as error:  # it did not want the text: none was given
        with suppress(OSError, smtplib.SMTPException):
            server.rset()
        return Outcome(Fate.LATER if error.smtp_code < 500 else Fate.NEVER, _said(error))
    except (OSError, smtplib.SMTPException) as error:
        return Outcome(Fate.IN_DOUBT, _said(error))
    if code == 250:
        return Outcome(Fate.TAKEN)
    return Outcome(Fate.LATER if code < 500 else Fate.NEVER, _text(code, said))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _text(code: int, said: bytes) -> str:
    return f"{code} {said.decode(errors='replace')}"[:200].replace("\x00", "")
