"""Mail of the tests' own making: nobody else's words are in here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PEOPLE = ["Ann Example <ann@example.org>", "Ben Żółć <ben@example.net>", "Chie 山田 <chie@example.jp>"]
DIFF = "diff --git a/mm/migrate.c b/mm/migrate.c\n--- a/mm/migrate.c\n+++ b/mm/migrate.c\n@@ -1,2 +1,2 @@\n-old\n+new\n"


def mail(
    key: str,
    *references: str,
    subject: str = "A question",
    text: str = "Some words.\n",
    by: str = PEOPLE[0],
    minutes: int = 0,
    charset: str = "utf-8",
    cte: str | None = None,
    **headers: str,
) -> bytes:
    """One mail. `key` names it `<key@example.org>`; `references` are keys, oldest first."""
    made = EmailMessage()
    made["From"] = by
    made["To"] = "linux-mm@kvack.org"
    made["Cc"] = "Ann Example <ann@example.org>, linux-fsdevel@vger.kernel.org"
    made["Subject"] = subject
    made["Date"] = format_datetime(START + timedelta(minutes=minutes))
    made["Message-ID"] = f"<{key}@example.org>"
    if references:
        made["References"] = " ".join(f"<{one}@example.org>" for one in references)
        made["In-Reply-To"] = f"<{references[-1]}@example.org>"
    for name, value in headers.items():
        del made[name.replace("_", "-")]
        if value:
            made[name.replace("_", "-")] = value
    made.set_content(text, charset=charset, cte=cte)
    return made.as_bytes()


def mbox(*mails: bytes) -> bytes:
    """As public-inbox packs it: lines that look like the beginning of a mail get one more >."""
    made = b""
    for one in mails:
        lines = [b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in one.split(b"\n")]
        made += b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + b"\n".join(lines) + b"\n\n"
    return made


CHARSETS = [("utf-8", "8bit"), ("utf-8", "base64"), ("iso-8859-1", "quoted-printable"), ("koi8-r", "base64"),
            ("iso-2022-jp", None), ("utf-8", "quoted-printable")]  # fmt: skip
SAID = {"utf-8": "Größe, 山田", "iso-8859-1": "Größe", "koi8-r": "страница", "iso-2022-jp": "山田"}


def large() -> tuple[list[bytes], dict[str, str | None]]:
    """200 mails of one discussion, and who stands below whom: four versions of a series, nested answers in several
    charsets, references that skip what never came, and answers that bring nothing but In-Reply-To."""
    mails: list[bytes] = []
    above: dict[str, str | None] = {}

    def add(key: str, parent: str | None, chain: list[str], **given: str) -> None:
        above[f"{key}@example.org"] = f"{parent}@example.org" if parent else None
        mails.append(mail(key, *chain, minutes=len(mails), by=PEOPLE[len(mails) % 3], **given))

    add("topic", None, [], subject="[RFC] mm: what could be done")
    for version in range(1, 5):
        cover = f"v{version}-0"
        tag = f"PATCH v{version}" if version > 1 else "PATCH"
        add(cover, "topic", ["topic"], subject=f"[{tag} 0/3] mm: bound the wait")
        for n in range(1, 4):
            carried = "Reviewed-by: Ann Example <ann@example.org>\n" if version == 4 and n == 1 else ""
            text = f"Do it.\n\n{carried}Signed-off-by: Ben <ben@example.net>\n---\n mm/migrate.c | 2 +-\n\n{DIFF}"
            add(f"v{version}-{n}", cover, ["topic", cover], subject=f"[{tag} {n}/3] mm: step {n}", text=text)
    number = 0
    for version in range(1, 5):
        at, chain = f"v{version}-1", ["topic", f"v{version}-0", f"v{version}-1"]
        while number < 40 * version:
            key = f"answer-{number}"
            charset, cte = CHARSETS[number % len(CHARSETS)]
            text = f"> Do it.\n\n{SAID[charset]}\n"
            if number % 20 == 7:
                text += f"Reviewed-by: Chie <chie{version}@example.jp>\n"
            given = {"subject": f"Re: [PATCH v{version} 1/3] mm: step 1", "text": text, "charset": charset, "cte": cte}
            if number % 17 == 5:  # the letter that it answers never came to this list
                add(key, f"lost-{number}", [*chain, f"lost-{number}"], **given)
                above[f"lost-{number}@example.org"] = f"{chain[-1]}@example.org"
            elif number % 13 == 4:  # a client that sends In-Reply-To alone
                add(key, at, [at], References="", **given)
            elif number % 11 == 3:  # a client that names the first and the last
                add(key, at, ["topic", at], **given)
            else:
                add(key, at, chain, **given)
            if number % 5 == 4:
                at, chain = f"v{version}-{1 + number % 3}", ["topic", f"v{version}-0", f"v{version}-{1 + number % 3}"]
            else:
                at, chain = key, [*chain, key] if number % 17 != 5 else [*chain, f"lost-{number}", key]
            number += 1
    while len(mails) < 200:
        add(f"last-{len(mails)}", "topic", ["topic"], subject="Re: [RFC] mm: what could be done")
    return mails, above
