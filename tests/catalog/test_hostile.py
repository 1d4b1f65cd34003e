"""Whatever a person or a machine says, the page shows it as text."""

from __future__ import annotations

import pytest
from django.test import Client

from discussion.comments import threads
from people.models import User
from tests import builders

pytestmark = pytest.mark.django_db

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
JS = "javascript:alert(1)"
LINK = {"kind": "source", "ref": JS, "title": EVIL}
PROSE = f"{EVIL} [a]({JS})"
SAID = {"id": "a", "text": PROSE, "source": LINK, "answer": PROSE, "answer_source": LINK}


@pytest.fixture(autouse=True)
def evil_everywhere() -> None:
    case = builders.case(
        body=f"{PROSE}\n\n## Open question\n\n{PROSE}",
        title=EVIL,
        controller_note=EVIL,
        bounds={"time": "unbounded", "time_note": EVIL, "amount": EVIL, "denies": EVIL},
        effects=[{"effect": "compaction", "manner": "degraded", "standing": "measured", "note": EVIL}],
        blast_radius=[{"text": EVIL, "standing": "measured", "source": EVIL}],
        subsystems=[EVIL],
        trees=[{"tree": EVIL, "change": "present", "known_by": "source", "release": EVIL, "note": EVIL}],
        claims=[
            {"id": "a", "text": PROSE, "standing": "disputed", "source": LINK, "answer": PROSE, "answer_source": LINK}
        ],
        links=[LINK],
        sources=[{"known_by": "mail", "where": EVIL}],
        signature={"names": [EVIL.replace(" ", "/")]},
    )
    strategy = builders.strategy(
        title=EVIL,
        driver=EVIL,
        states=[{"state": "idea", "note": EVIL, "source": LINK}],
        cases=("fuse-writeback",),
        objections=[{**SAID, "by": EVIL}],
        links=[LINK],
        sources=[{"known_by": "mail", "where": EVIL}],
    )
    author = builders.person()
    User.objects.filter(pk=author.pk).update(kernel_name=EVIL)
    author.refresh_from_db()
    for document in (case.document, strategy.document):
        threads.say(document, author, PROSE)
    kernel = {"release": "<script>alert(1)</script>", "architecture": "x86_64", "label": EVIL}
    builders.settled(builders.run(), kernel=kernel)
    builders.settled(builders.run(), kernel={name: kernel[name] for name in ("release", "architecture")})


@pytest.mark.parametrize(
    "path",
    ["/", "/?q=<script>alert(1)</script>", '/?q="><script>', "/?subsystem=<script>", "/cases/fuse-writeback/",
     "/cases/fuse-writeback/@1", "/strategies/", "/strategies/a-strategy/", "/strategies/new/"],
)  # fmt: skip
def test_nothing_hostile_gets_through(path: str) -> None:
    client = Client()
    client.force_login(User.objects.get(kernel_name=EVIL))
    text = client.get(path).content.decode()
    assert "&lt;script&gt;" in text, "the page shows what it was given, so that the test says something"
    text = text.replace('<script src="/static/', "")
    for bad in ("<script", "<img src=x", f'href="{JS}', "'><img"):
        assert bad not in text
