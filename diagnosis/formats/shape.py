"""What a JSON value must look like: checked with JSON Pointers, and published as JSON Schema.

A `Shape` checks one value and appends `Fault`s; it never stops at the first. Shapes nest: `record`,
`array` and `mapping` are built from others. `schema` gives the same as JSON Schema 2020-12. `accepts` says in a sixth
of the time whether there would be any fault: what is well is most of what comes, and needs no pointers.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from diagnosis.formats.faults import Fault, Unreadable

Check = Callable[[Any, str, List[Fault]], None]
Accepts = Callable[[Any], bool]
MAX_DEPTH = 12
MAX_FAULTS = 50
MAX_NAME = 100


class Shape:
    def __init__(self, check: Check, accepts: Accepts, schema: Dict[str, Any]) -> None:
        self.check = check
        self.accepts = accepts
        self.schema = schema


def shown(value: Any) -> str:
    """A short, harmless rendering of what was found: its type, and the value where that is short."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, (int, float)):
        text = "a number" if isinstance(value, int) and abs(value) > 10**20 else repr(value)
        return text if len(text) <= 40 else "a number"
    if isinstance(value, str):
        return json.dumps(value if len(value) <= 60 else value[:57] + "...")
    return "an object" if isinstance(value, dict) else "an array"


def pointer(parent: str, name: object) -> str:
    return parent + "/" + str(name).replace("~", "~0").replace("/", "~1")


def _leaf(expected: str, accepts: Accepts, schema: Dict[str, Any]) -> Shape:
    def check(value: Any, where: str, faults: List[Fault]) -> None:
        if not accepts(value):
            faults.append(Fault(where, expected, shown(value)))

    return Shape(check, accepts, schema)


def text(longest: int, shortest: int = 1) -> Shape:
    return _leaf(
        "a string of %d to %d characters" % (shortest, longest),
        lambda v: isinstance(v, str) and shortest <= len(v) <= longest,
        {"type": "string", "minLength": shortest, "maxLength": longest},
    )


def pattern(regex: str, expected: str) -> Shape:
    compiled = re.compile(regex)
    return _leaf(
        expected,
        lambda v: isinstance(v, str) and compiled.fullmatch(v) is not None,
        {"type": "string", "pattern": "^(?:%s)$" % regex},
    )


def whole(least: int, most: int) -> Shape:
    return _leaf(
        "a whole number from %d to %d" % (least, most),
        lambda v: isinstance(v, int) and not isinstance(v, bool) and least <= v <= most,
        {"type": "integer", "minimum": least, "maximum": most},
    )


def seconds(most: float) -> Shape:
    return _leaf(
        "seconds, a number from 0 to %g" % most,
        lambda v: isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) and 0 <= v <= most,
        {"type": "number", "minimum": 0, "maximum": most},
    )


def boolean() -> Shape:
    return _leaf("true or false", lambda v: isinstance(v, bool), {"type": "boolean"})


def constant(value: Any) -> Shape:
    return _leaf(json.dumps(value), lambda v: type(v) is type(value) and v == value, {"const": value})


def word(group: Mapping[str, object]) -> Shape:
    known = list(group)
    return _leaf("one of " + ", ".join(known), lambda v: isinstance(v, str) and v in group, {"enum": known})


def fact() -> Shape:
    """A short value of any scalar type."""
    return _leaf(
        "a string of up to 500 characters, a number, true or false",
        lambda v: (
            isinstance(v, bool)
            or (isinstance(v, str) and len(v) <= 500)
            or (isinstance(v, int) and abs(v) < 2**64)
            or (isinstance(v, float) and math.isfinite(v))
        ),
        {"type": ["string", "number", "boolean"], "maxLength": 500},
    )


def array(of: Shape, most: int, least: int = 0) -> Shape:
    def check(value: Any, where: str, faults: List[Fault]) -> None:
        if not isinstance(value, list):
            faults.append(Fault(where, "an array", shown(value)))
        elif not least <= len(value) <= most:
            faults.append(Fault(where, "%d to %d entries" % (least, most), "%d entries" % len(value)))
        else:
            for index, item in enumerate(value):
                of.check(item, "%s/%d" % (where, index), faults)

    def accepts(value: Any) -> bool:
        return isinstance(value, list) and least <= len(value) <= most and all(map(of.accepts, value))

    return Shape(check, accepts, {"type": "array", "items": of.schema, "minItems": least, "maxItems": most})


def mapping(of: Shape, most: int) -> Shape:
    """An object with free names of up to MAX_NAME characters."""

    def check(value: Any, where: str, faults: List[Fault]) -> None:
        if not isinstance(value, dict):
            faults.append(Fault(where, "an object", shown(value)))
        elif len(value) > most:
            faults.append(Fault(where, "up to %d entries" % most, "%d entries" % len(value)))
        else:
            for name, item in value.items():
                if not _is_name(name):
                    faults.append(Fault(where, "names of 1 to %d characters" % MAX_NAME, shown(name)))
                of.check(item, pointer(where, name), faults)

    def accepts(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and len(value) <= most
            and all(map(_is_name, value))
            and all(map(of.accepts, value.values()))
        )

    return Shape(check, accepts, {"type": "object", "additionalProperties": of.schema, "maxProperties": most})


def _is_name(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME


def record(required: Mapping[str, Shape], optional: Optional[Mapping[str, Shape]] = None, closed: bool = True) -> Shape:
    """An object with these names, and where it is `closed`, no others."""
    optional = optional or {}
    known: Dict[str, Shape] = {**required, **optional}

    def check(value: Any, where: str, faults: List[Fault]) -> None:
        if not isinstance(value, dict):
            faults.append(Fault(where, "an object", shown(value)))
            return
        for name in required:
            if name not in value:
                faults.append(Fault(pointer(where, name), "to be present", "nothing"))
        for name, item in value.items():
            if len(faults) >= MAX_FAULTS:
                return
            if name in known:
                # Names of ours need no escaping; `pointer` for each would be half of all the work.
                known[name].check(item, where + "/" + name, faults)
            elif closed:
                faults.append(Fault(pointer(where, name), "only the names " + ", ".join(known), "another name"))

    needed = frozenset(required)
    judge_of = {name: shape.accepts for name, shape in known.items()}.get
    other = _nothing if closed else _anything

    def accepts(value: Any) -> bool:
        if not isinstance(value, dict) or not needed <= value.keys():
            return False
        for name, item in value.items():  # noqa: SIM110 - a generator for `all` takes a third longer
            if not judge_of(name, other)(item):
                return False
        return True

    schema = {
        "type": "object",
        "required": list(required),
        "properties": {name: shape.schema for name, shape in known.items()},
        "additionalProperties": not closed,
    }
    return Shape(check, accepts, schema)


def _nothing(value: Any) -> bool:
    return False


def _anything(value: Any) -> bool:
    return True


def load(body: bytes) -> Any:
    """JSON bytes, with or without a mark of UTF-8, to a value. Duplicate or long names, NaN, NUL, lone surrogates and
    deep nesting are `Unreadable`."""
    names_are_long: List[bool] = []

    def made_of(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
            raise ValueError("the name %s stands twice in one object" % shown(twice))
        for name in made:
            if len(name) > MAX_NAME:
                names_are_long.append(True)
        return made

    if not body.strip():
        raise Unreadable("not-json", [Fault("1:1", "JSON", "nothing")])
    try:
        value = json.loads(body.decode("utf-8-sig"), object_pairs_hook=made_of, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise Unreadable("not-json", [Fault("", "UTF-8", "byte %d is not" % error.start)]) from None
    except json.JSONDecodeError as error:
        place = "%d:%d" % (error.lineno, error.colno)
        raise Unreadable("not-json", [Fault(place, "JSON", error.msg)]) from None
    except RecursionError:
        raise Unreadable("not-json", [Fault("", "nesting of up to %d levels" % MAX_DEPTH, "deeper nesting")]) from None
    except ValueError as error:
        raise Unreadable("not-json", [Fault("", "JSON", str(error)[:200])]) from None
    if names_are_long or _ESCAPED.search(body) or _too_deep(value):
        faults: List[Fault] = []
        _no_strange_text(value, "", 0, faults)
        if faults:
            raise Unreadable("wrong-shape", faults[:MAX_FAULTS])
    return value


def demand(shape: Shape, value: Any) -> None:
    """Raises `Unreadable` with every fault, up to MAX_FAULTS."""
    if shape.accepts(value):
        return
    faults: List[Fault] = []
    shape.check(value, "", faults)
    if faults:
        raise Unreadable("wrong-shape", faults[:MAX_FAULTS])


def _no_constant(name: str) -> Any:
    raise ValueError(name + " is not JSON")


_STRANGE = re.compile("[\x00\ud800-\udfff]")
# UTF-8 holds no lone surrogate and JSON no bare NUL: either can only come from an escape. Almost no report has one,
# nor a long name, nor deep nesting, and walking all its values to see so costs ten times what parsing does.
_ESCAPED = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_NESTING = (dict, list)


def _too_deep(value: Any, levels: int = MAX_DEPTH) -> bool:
    """Whether JSON is nested beyond `levels`."""
    if value.__class__ not in _NESTING:
        return False
    items = value.values() if value.__class__ is dict else value
    return levels == 0 or any(_too_deep(item, levels - 1) for item in items if item.__class__ in _NESTING)


def _no_strange_text(value: Any, where: str, depth: int, faults: List[Fault]) -> None:
    if len(faults) >= MAX_FAULTS:
        return
    if depth > MAX_DEPTH:
        faults.append(Fault(where, "nesting of up to %d levels" % MAX_DEPTH, "deeper nesting"))
    elif isinstance(value, str):
        if _STRANGE.search(value):
            faults.append(Fault(where, "text without NUL or lone surrogates", "such a character"))
    elif isinstance(value, dict):
        for name, item in value.items():
            if len(name) > MAX_NAME:  # every pointer below would repeat it
                faults.append(Fault(where, "names of up to %d characters" % MAX_NAME, "%d characters" % len(name)))
            elif _STRANGE.search(name):
                faults.append(Fault(where, "names without NUL or lone surrogates", "such a character"))
            else:
                _no_strange_text(item, pointer(where, name), depth + 1, faults)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _no_strange_text(item, pointer(where, index), depth + 1, faults)
