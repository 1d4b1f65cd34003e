"""What is shown, taken along: JSON, CSV that no spreadsheet runs, Markdown for slides."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client, RequestFactory

from catalog.text import export_formats
from tests import builders

pytestmark = pytest.mark.django_db
PATHS = ["/", "/cases/fuse-writeback/", "/kernels/", "/strategies/", "/subsystems/fuse/"]


@pytest.fixture(autouse=True)
def catalog() -> None:
    effect = {"effect": "hotunplug", "manner": "sleeps_in_d", "standing": "measured"}
    builders.case(effects=[effect])
    builders.case("a-fix", status="fixed", title="=cmd|' /C calc'!A0", subsystems=["mm"], mechanism="page_lock")
    builders.strategy()
    builders.settled()


def get(path: str, format: str, **query: str) -> Any:
    return Client().get(path, {"format": format, **query})


def rows(path: str, **query: str) -> list[dict[str, str]]:
    answer = get(path, "csv", **query)
    assert answer.status_code == 200 and "attachment" in answer["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


@pytest.mark.parametrize("path", PATHS)
def test_all_formats_say_the_same_number_of_things(path: str) -> None:
    made = get(path, "json").json()
    assert made["rows"] and len(made["rows"]) == len(rows(path))
    assert made["source"].startswith("http://") and made["title"]
    text = get(path, "md")
    assert text["Content-Type"] == "text/markdown; charset=utf-8"
    assert text.content.decode().count("\n---\n") >= 1
    page = Client().get(path).content.decode()
    for name in ("json", "csv", "md"):
        assert f"?format={name}" in page


def test_what_narrows_the_page_narrows_what_is_taken() -> None:
    assert {row["case"] for row in rows("/")} == {"fuse-writeback", "a-fix"}
    assert {row["case"] for row in rows("/", status="open")} == {"fuse-writeback"}
    assert {row["case"] for row in rows("/", q="calc")} == {"a-fix"}
    assert rows("/", q="nothinglikethis") == []
    assert "?status=open&amp;format=csv" in Client().get("/?status=open").content.decode()
    (row,) = rows("/", status="open")
    assert row["measured on"] == "● 6.18" and row["breaks"] == "Memory hotunplug: sleeps in D (measured)"


def test_a_case_takes_its_text_and_its_evidence_along() -> None:
    made = get("/cases/fuse-writeback/", "json").json()
    assert made["document"]["mechanism"] == "writeback"
    (row,) = made["rows"]
    assert (row["kernel"], row["held"], row["conclusive"], row["freed_seconds"]) == ("6.18.44", 1, 1, 0.2)
    assert "label" not in row, "unknown is absent"
    text = get("/cases/fuse-writeback/", "md").content.decode()
    assert "- Memory hotunplug: sleeps in D (measured)" in text and "| 6.18.44 | compaction |" in text


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1", "|cmd"])
def test_no_cell_of_a_csv_is_a_formula(start: str) -> None:
    made = export_formats.Export(
        "x", "X", "/", [export_formats.Table("T", {"a": "A"}, [{"a": start}, {"a": [start, "b"]}])]
    )
    request = RequestFactory().get("/?format=csv")
    answer = export_formats.answer(request, lambda: made)
    assert answer is not None
    cells = [row["A"] for row in csv.DictReader(io.StringIO(answer.content.decode(), newline=""))]
    assert all(cell.startswith("'") and start in cell for cell in cells) and len(cells) == 2


@pytest.mark.parametrize("start", ["1", "a=b", "(x)", "'=1"])
def test_other_text_stays_as_it_is(start: str) -> None:
    made = export_formats.Export("x", "X", "/", [export_formats.Table("T", {"a": "A"}, [{"a": start}, {"a": -1}])])
    answer = export_formats.answer(RequestFactory().get("/?format=csv"), lambda: made)
    assert answer is not None and answer.content.decode().split("\r\n")[1:3] == [start, "-1"]


def test_markdown_is_inert_too() -> None:
    hostile = "a | b\n# c <script> [x](javascript:1) `d` _e_"
    made = export_formats.Export("x", hostile, "/", [export_formats.Table("T", {"a": "A"}, [{"a": hostile}])])
    answer = export_formats.answer(RequestFactory().get("/?format=md"), lambda: made)
    assert answer is not None
    text = answer.content.decode()
    assert text.count("\n# ") == 0 and "\\<script\\>" in text and "\\[x\\](" in text
    assert text.splitlines()[-1].count(" | ") == 0, "one cell stays one cell"


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_format_is_refused_by_name(path: str) -> None:
    answer = get(path, "pdf")
    assert answer.status_code == 400
    assert Client().get(path).status_code == 200
