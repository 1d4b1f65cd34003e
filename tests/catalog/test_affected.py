"""Am I affected? As a page, as plain text, as JSON."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.measured.asked import affected, affected_views
from catalog.models import Case, Document
from catalog.revisions import files
from diagnosis.kernels import releases
from diagnosis.kernels.affected import Measurement, answer
from tests import builders
from tests.catalog.test_measured import tally

pytestmark = pytest.mark.django_db

TREES = [{"tree": "6.12", "change": "present", "release": "6.12.107", "known_by": "source"}]


def text(kernel: str, status: int = 200, **headers: str) -> str:
    answer = Client().get("/affected/", {"kernel": kernel}, headers=headers or {"accept": "*/*"})
    assert answer.status_code == status and {"Accept", "Cookie"} <= set(answer["Vary"].split(", "))
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    return answer.content.decode()


def page(kernel: str, status: int = 200) -> str:
    answer = Client().get("/affected/", {"kernel": kernel}, headers={"accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == status
    return " ".join(answer.content.decode().split())


def results(kernel: str) -> dict[str, Any]:
    answer = Client().get("/api/v1/affected/", {"kernel": kernel}).json()
    jsonschema.validate(answer, affected_views.AFFECTED_PAGE.model_json_schema())
    return {row["case"]: row for row in answer["results"]}


def test_each_case_gets_its_answer_and_how_it_is_known() -> None:
    tally(builders.case(), "6.12.57+deb13-amd64", runs=5)
    tally(builders.case("moving"), "6.12.9", outcome="moves")
    builders.case("read", trees=TREES)
    builders.case("nothing")
    found = results("6.12.57+deb13-amd64")
    assert {slug: (row["verdict"], row.get("known_by")) for slug, row in found.items()} == {
        "fuse-writeback": ("affected", "build"),
        "moving": ("not_affected", "line"),
        "read": ("affected", "tree"),
        "nothing": ("unknown", None),
    }
    told = page("6.12.57+deb13-amd64")
    assert "held in 5 of 5 runs on 1 machine" in told and "Nothing that is known decides it." in told
    assert told.index("The case read") < told.index("The case nothing") < told.index("The case moving")
    lines = text("6.12.57+deb13-amd64").splitlines()
    assert lines[0] == "# 6.12.57+deb13-amd64: line 6.12, built by Debian"
    assert [line for line in lines if line.startswith("not affected  moving")]


def test_a_candidate_fix_says_nothing_of_the_kernel_that_people_run() -> None:
    tally(builders.case(), "6.12.57", label="fix v3", outcome="moves")
    assert results("6.12.57")["fuse-writeback"]["verdict"] == "unknown"


def test_a_plus_that_the_shell_did_not_quote_is_read() -> None:
    builders.case()
    answer = Client().get("/affected/?kernel=6.12.57+deb13-amd64", headers={"accept": "*/*"})
    assert answer.content.decode().startswith("# 6.12.57+deb13-amd64: line 6.12")


@pytest.mark.parametrize("accept", ["*/*", "text/plain"])
def test_who_does_not_ask_for_html_gets_plain_text(accept: str) -> None:
    builders.case()
    assert text("6.18.4-arch1-1", accept=accept) == Client().get("/affected.txt?kernel=6.18.4-arch1-1").content.decode()


@pytest.mark.parametrize("kernel", ["nonsense", "\x00", "‮6", "x" * 5_000, "<script>alert(1)</script>"])
def test_what_is_no_kernel_gets_a_sentence_that_names_the_field(kernel: str) -> None:
    builders.case()
    assert text(kernel, 400) == f"{affected_views.EXPECTED}\n"
    told = page(kernel, 400 if kernel.isprintable() or len(kernel) > 1 else 200)
    assert "<script>alert" not in told
    problem = Client().get("/api/v1/affected/", {"kernel": kernel})
    assert problem.status_code == 400 and problem.json()["detail"] == f"{affected_views.EXPECTED}."


def test_without_a_kernel_the_page_asks_for_one() -> None:
    assert "uname -r" in page("") and Client().get("/api/v1/affected/").status_code == 400


def test_a_draft_is_not_told_of() -> None:
    tally(builders.case("secret-one"))
    Document.objects.update(state="draft")
    assert "secret-one" not in text("6.18.44") + page("6.18.44") and results("6.18.44") == {}


def test_pages_of_the_api_are_linked_and_judged_alike() -> None:
    for slug in ("a", "b", "c"):
        tally(builders.case(slug))
    answer = Client().get("/api/v1/affected/?kernel=6.18.44&limit=2")
    assert [row["verdict"] for row in answer.json()["results"]] == ["affected"] * 2
    assert "kernel=6.18.44" in answer["Link"]


@pytest.mark.parametrize("path", ["/affected/", "/affected.txt", "/api/v1/affected/"])
def test_it_asks_three_questions_however_much_was_measured(path: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert Client().get(path, {"kernel": "6.12.57"}).status_code == 200
        return len(seen)

    tally(builders.case(), "6.12.57")
    few = queries()
    for n in range(9):
        tally(builders.case(f"case-{n}", trees=TREES), f"6.{n}.1")
    assert queries() == few == 3


@pytest.mark.parametrize("kernel", ["6.1.0-50-amd64", "6.12.95+deb12-amd64", "6.12.107+deb13-amd64"])
def test_runs_that_moved_do_not_clear_fuse_on_6_1_and_6_12(kernel: str) -> None:
    """A writer that waits for the server with the folio locked is a state that these runs do not make."""
    assert [loaded.result for loaded in files.load([files.FOLDERS["case"] / "fuse-writeback.md"])] == ["new"]
    case = Case.objects.select_related("document__current").get()
    where = ("offline", "zone_movable", "guest", "x86_64", "run")
    moved = [Measurement(build, *where, 0, 5, 1) for build in ("6.1.0-50-amd64", "6.12.95+deb12-amd64")]
    found = answer(releases.read(kernel), moved, affected.changes(case))
    assert (found.verdict, found.known_by) == ("affected", "tree")
    assert any("The runs did not make: A folio that somebody locks" in reason.text for reason in found.reasons)


def test_who_comes_from_a_case_is_answered_about_it_first() -> None:
    builders.case()
    builders.case("another")
    builders.settled(builders.run())
    assert "/affected/?case=fuse-writeback" in Client().get("/cases/fuse-writeback/").content.decode()
    form = Client().get("/affected/?case=fuse-writeback").content.decode()
    assert '<input type="hidden" name="case" value="fuse-writeback">' in form
    page = Client().get("/affected/?kernel=6.18.44&case=fuse-writeback").content.decode()
    asked = page.partition('id="asked"')[2].partition("</section>")[0]
    assert "● affected" in asked and "measured on this build" in asked and "another" not in asked
    assert page.index('id="asked"') < page.index('id="affected"')
    for unknown in ("nothing-here", "%3Cscript%3E"):
        page = Client().get(f"/affected/?kernel=6.18.44&case={unknown}")
        assert page.status_code == 200 and 'id="asked"' not in page.content.decode() and b"<script>" not in page.content
