"""A case or a strategy as a mail to a list: git takes it, it is 72 columns wide, and its answers are found."""

from __future__ import annotations

import email
import email.policy
import subprocess
from pathlib import Path

import pytest
from django.test import Client

from catalog.models import Document
from mailing.letters import of_document
from people.models import Role
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def case() -> Document:
    body = "It waits.\n\nFrom here on it is long: " + "word " * 60
    return builders.case(title="A folio under writeback for as long as the server likes", body=body).document


def test_git_splits_it_and_reads_subject_and_text(case: Document, tmp_path: Path) -> None:
    for release in ("6.18.44", "5.14.0-570.el9.x86_64"):
        for mover in ("compaction", "offline"):
            builders.settled(*[builders.run(mover=mover)] * 3, kernel={"release": release, "architecture": "x86_64"})
    answer = Client().get("/cases/fuse-writeback/mail")
    assert answer.status_code == 200 and answer["Content-Type"] == "application/mbox"
    (tmp_path / "box").write_bytes(answer.content)
    subprocess.run(["git", "mailsplit", f"-o{tmp_path}", str(tmp_path / "box")], check=True, capture_output=True)
    assert len(list(tmp_path.glob("0*"))) == 1
    given = (tmp_path / "0001").read_bytes()
    done = subprocess.run(
        ["git", "mailinfo", "-k", str(tmp_path / "text"), str(tmp_path / "patch")],
        input=given,
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )
    assert b"Subject: unmigratable memory: A folio under writeback for as long as the server likes" in done.stdout
    lines = (tmp_path / "text").read_text().splitlines()
    assert [line for line in lines if len(line) > 72 and "http" not in line] == []
    assert any(line.startswith("6.18.44") and line.count("3/3") == 2 for line in lines)
    assert "From here on it is long:" in "\n".join(lines), "and no line of it begins another mail"
    head = email.message_from_bytes(given.partition(b"\n")[2], policy=email.policy.default)
    assert head["To"] == "linux-mm@kvack.org" and head["From"] is None
    assert head["Message-ID"] == f"<{of_document.message_id(case)}>"


def test_its_id_stays_until_text_or_evidence_change(case: Document) -> None:
    first = of_document.message_id(case)
    assert of_document.message_id(case) == first
    builders.settled()
    assert of_document.message_id(case) != first
    editor = Client()
    editor.force_login(builders.person("ed", Role.EDITOR))
    page = editor.get("/mail/import/?about=fuse-writeback&mailed=1").content.decode()
    assert of_document.message_id(case) in page, "its answers are imported by it"


def test_a_strategy_brings_the_evidence_of_what_it_is_for(case: Document) -> None:
    builders.strategy()
    builders.settled()
    text = Client().get("/strategies/a-strategy/mail").content.decode()
    assert "Evidence of fuse-writeback" in text and "1/1" in text


def test_nobody_is_mailed_a_draft(case: Document) -> None:
    builders.strategy()
    Document.objects.filter(pk=case.pk).update(state="draft")
    assert Client().get("/cases/fuse-writeback/mail").status_code == 404
    text = Client().get("/strategies/a-strategy/mail").content.decode()
    assert "Evidence" not in text
