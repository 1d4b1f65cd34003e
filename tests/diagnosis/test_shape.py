"""JSON in, faults out: each says where, what was expected and what was found."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from diagnosis.formats import shape
from diagnosis.formats.faults import Fault, Unreadable


def refused(body: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        shape.load(body)
    return caught.value


def faults(of: shape.Shape, value: Any) -> list[Fault]:
    found: list[Fault] = []
    of.check(value, "", found)
    return found


def test_good_json_is_what_it_says() -> None:
    assert shape.load('{"a": [1, 2.5, true, null, "é"], "": {}}'.encode()) == {"a": [1, 2.5, True, None, "é"], "": {}}


@pytest.mark.parametrize(
    ("body", "where", "expected", "found"),
    [
        (b"\xff{}", "", "UTF-8", "byte 0 is not"),
        (b'{"a": "\xc3"}', "", "UTF-8", "byte 7 is not"),
        (b"", "1:1", "JSON", "nothing"),
        (b" \n", "1:1", "JSON", "nothing"),
        (b'{"a":\n  1,\n  b}', "3:3", "JSON", "property name"),
        (b'{"a": "tab\there"}', "1:11", "JSON", "control character"),
        (b"{} {}", "1:4", "JSON", "Extra data"),
        (b'{"a": 1, "b": 2, "a": 3}', "", "JSON", 'the name "a" stands twice'),
        (b'[{"x": {"a": 1, "a": 1}}]', "", "JSON", "twice"),
        (b"[NaN]", "", "JSON", "NaN is not JSON"),
        (b"[-Infinity]", "", "JSON", "-Infinity is not JSON"),
        (b"1" * 5_000, "", "JSON", "limit"),
        (b"[" * 200_000, "", "nesting of up to 12 levels", "deeper nesting"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(body: bytes, where: str, expected: str, found: str) -> None:
    error = refused(body)
    assert error.code == "not-json"
    (fault,) = error.faults
    assert (fault.where, fault.expected) == (where, expected)
    assert found in fault.found


@pytest.mark.parametrize(
    ("body", "where", "expected"),
    [
        (b'{"a": ["\\u0000"]}', "/a/0", "text without NUL"),
        (b'{"a": "\\ud800"}', "/a", "lone surrogates"),
        (b'{"a": {"\\udfff": 1}}', "/a", "names without NUL"),
        (b'{"a": {"x\\u0000": 1}}', "/a", "names without NUL"),
        (b'{"a": {"' + b"n" * 101 + b'": 1}}', "/a", "names of up to 100 characters"),
        (b"[" * 14 + b"]" * 14, "/0" * 13, "nesting of up to 12 levels"),
    ],
)
def test_what_no_column_could_keep_is_refused_with_its_pointer(body: bytes, where: str, expected: str) -> None:
    error = refused(body)
    assert error.code == "wrong-shape"
    assert error.faults[0].where == where
    assert expected in error.faults[0].expected


def test_what_lies_just_within_the_limits_is_taken() -> None:
    shape.load(b"[" * 13 + b"]" * 13)
    shape.load(b'{"' + b"n" * 100 + b'": 1}')
    shape.load(b'"\\ud83d\\ude00"')
    shape.load(b"1" * 4_000)


def test_a_repeated_name_among_very_many_is_found_at_once() -> None:
    """Counting each name anew took minutes for a megabyte; two seconds are plenty for one pass."""
    names = ",".join(f'"{n}":1' for n in range(60_000))
    assert "twice" in refused(f'{{{names},"x":1,"x":1}}'.encode()).faults[0].found


def test_never_more_than_fifty_faults_however_much_is_wrong() -> None:
    assert len(refused(b"[" + b",".join([b'"\\u0000"'] * 500) + b"]").faults) == shape.MAX_FAULTS
    with pytest.raises(Unreadable) as caught:
        shape.demand(shape.record({}), {str(n): 1 for n in range(500)})
    assert len(caught.value.faults) == shape.MAX_FAULTS


def test_pointers_escape_tilde_and_slash() -> None:
    assert shape.pointer("/a", "b~c/d") == "/a/b~0c~1d"
    assert shape.pointer("", "~1") == "/~01"
    assert shape.pointer("/runs", 3) == "/runs/3"
    assert [f.where for f in faults(shape.record({}), {"a/b": 1, "~": 1})] == ["/a~1b", "/~0"]


WORDS = {"yes": object(), "no": object()}
BOUNDARIES: list[tuple[str, shape.Shape, list[Any], list[Any]]] = [
    ("text", shape.text(3), ["a", "abc"], ["", "abcd", 1, None, ["a"]]),
    ("text from 0", shape.text(3, 0), [""], ["abcd"]),
    ("pattern", shape.pattern("[a-z]+", "letters"), ["abc"], ["", "a1", "abc\n", " a", 5]),
    ("whole", shape.whole(1, 3), [1, 3], [0, 4, 1.0, True, "1", None]),
    ("seconds", shape.seconds(10), [0, 10, 0.5], [-0.001, 10.001, float("inf"), float("nan"), True, "1"]),
    ("boolean", shape.boolean(), [True, False], [0, 1, "true", None]),
    ("constant", shape.constant(1), [1], [True, 1.0, "1", 2]),
    ("word", shape.word(WORDS), ["yes", "no"], ["YES", "", 1, ["yes"], {}]),
    ("fact", shape.fact(), ["", "a" * 500, 2**64 - 1, 0.5, False], ["a" * 501, 2**64, float("inf"), None, [], {}]),
    ("array", shape.array(shape.whole(0, 9), 2, least=1), [[1], [1, 2]], [[], [1, 2, 3], {}, "12", [10]]),
    (
        "mapping",
        shape.mapping(shape.whole(0, 9), 1),
        [{}, {"n" * 100: 1}],
        [{"a": 1, "b": 1}, {"n" * 101: 1}, {"": 1}, [], {"a": 10}],
    ),
    (
        "record",
        shape.record({"a": shape.boolean()}, {"b": shape.boolean()}),
        [{"a": True}, {"a": True, "b": False}],
        [{}, {"b": True}, {"a": True, "c": True}, {"a": 1}, [], None],
    ),
]


@pytest.mark.parametrize(("of", "good", "bad"), [row[1:] for row in BOUNDARIES], ids=[row[0] for row in BOUNDARIES])
def test_a_shape_takes_what_is_within_and_says_what_is_not(of: shape.Shape, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert of.accepts(value) and faults(of, value) == [], value
    for value in bad:
        assert not of.accepts(value) and faults(of, value), value


@pytest.mark.parametrize(("of", "good", "bad"), [row[1:] for row in BOUNDARIES], ids=[row[0] for row in BOUNDARIES])
def test_the_published_schema_takes_what_the_check_takes(of: shape.Shape, good: list[Any], bad: list[Any]) -> None:
    validator = jsonschema.Draft202012Validator(of.schema)
    jsonschema.Draft202012Validator.check_schema(of.schema)
    assert all(validator.is_valid(value) for value in good)


def test_a_record_tells_everything_at_once() -> None:
    of = shape.record({"a": shape.boolean(), "b": shape.array(shape.whole(0, 9), 5)})
    assert faults(of, {"b": [1, "x", 10], "c": 1}) == [
        Fault("/a", "to be present", "nothing"),
        Fault("/b/1", "a whole number from 0 to 9", '"x"'),
        Fault("/b/2", "a whole number from 0 to 9", "10"),
        Fault("/c", "only the names a, b", "another name"),
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "true"),
        (None, "null"),
        (12, "12"),
        (10**30, "a number"),
        ("é", json.dumps("é")),
        ("x" * 61, '"' + "x" * 57 + '..."'),
        ("x" * 60, '"' + "x" * 60 + '"'),
        ({"a": 1}, "an object"),
        ([1], "an array"),
    ],
)
def test_what_was_found_is_shown_short(value: Any, said: str) -> None:
    assert shape.shown(value) == said


def test_an_unreadable_needs_a_known_code() -> None:
    with pytest.raises(ValueError, match="no such code"):
        Unreadable("oops", [])
    assert str(Unreadable("not-json", [Fault("", "JSON", "nothing")])) == "the body: expected JSON, found nothing"


def test_a_mark_of_utf_8_is_no_fault() -> None:
    assert shape.load(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
