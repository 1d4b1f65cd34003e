"""KCIDB of an earlier schema (1 to 4) to 5, by kcidb-io's own code. What is of schema 5 stays as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
from kcidb_io import schema

from diagnosis.formats import kcidb, shape
from diagnosis.formats.faults import Fault, Unreadable
from diagnosis.formats.format import Given, Note
from diagnosis.matching.observation import Observation

CURRENT = 5


def current(body: bytes) -> bytes:
    """The message in schema 5. Raises `Unreadable`."""
    value = shape.load(body)
    if not _is_older(value):
        return body
    older = schema.LATEST.get_exactly_compatible(value)
    if older is None:
        raise Unreadable("wrong-shape", [Fault("/version", "a version of KCIDB's schema, up to 5", "another")])
    _demand(older.json, value)
    upgraded = schema.LATEST.upgrade(value, copy=False)
    return json.dumps(upgraded).encode()


def _is_older(value: Any) -> bool:
    version = value.get("version") if isinstance(value, dict) else None
    if isinstance(version, str):  # before schema 4 it was one word
        return True
    major = version.get("major") if isinstance(version, dict) else None
    return isinstance(major, int) and not isinstance(major, bool) and major < CURRENT


def _demand(wanted: dict[str, Any], value: dict[str, Any]) -> None:
    """As kcidb-io validates, less the formats of addresses: those patterns are not made for strangers' text. How many
    objects there are is looked at first, since this takes 0.2 ms for each."""
    for name, items in value.items():
        if isinstance(items, list) and len(items) > kcidb.MAX_OBJECTS:
            raise Unreadable("wrong-shape", [Fault("/" + name[:100], f"up to {kcidb.MAX_OBJECTS} entries", "more")])
    errors = jsonschema.Draft7Validator(wanted).iter_errors(value)
    faults = [_fault(error) for error, _ in zip(errors, range(shape.MAX_FAULTS), strict=False)]
    if faults:
        raise Unreadable("wrong-shape", faults)


def _fault(error: jsonschema.ValidationError) -> Fault:
    where = ""
    for step in error.absolute_path:
        where = shape.pointer(where, step)
    what = f"{error.validator}: {json.dumps(error.validator_value, default=str)}"
    return Fault(where[:400], f"what this version's schema says, {what[:160]}", shape.shown(error.instance))


def _check(body: bytes, given: Given) -> str:
    return kcidb.check(current(body), given)


def _observations(body: bytes, given: Given) -> list[Observation]:
    return kcidb.observations(current(body), given)


def _notes(body: bytes, given: Given) -> list[Note]:
    return kcidb.notes(current(body), given)


FORMAT = replace(kcidb.FORMAT, title="KCIDB 5, or older", check=_check, observations=_observations, notes=_notes)
