"""What pydantic finds in the head of a document, in the words of whoever writes one: YAML's, not Python's."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

Location = tuple[int | str, ...]
# Where YAML has its own word for what Python calls by its types.
EXPECTED = {
    "missing": "expected to be there",
    "string_type": "expected text",
    "tuple_type": "expected a list: [one, two], or a line with `- ` for each",
    "dict_type": "expected fields, a line each: `name: value`",
}


def message(fault: Any, model: type[BaseModel]) -> str:
    """One fault of `ValidationError.errors()`. `model`: what was to be read, to tell which fields there are."""
    kind, place = fault["type"], tuple(fault["loc"])
    if kind in ("model_type", "model_attributes_type"):
        found = _model_at(model, place)
        return f"expected fields of its own: {_fields(found)}" if found else EXPECTED["dict_type"]
    if kind == "extra_forbidden":
        return _no_such_field(str(place[-1]), _model_at(model, place[:-1]))
    said: str = EXPECTED.get(kind) or fault["msg"].removeprefix("Value error, ")
    return said


def _no_such_field(name: str, model: type[BaseModel] | None) -> str:
    if model is None:
        return "no such field"
    near = get_close_matches(name, model.model_fields, n=1)
    return f"no such field; perhaps `{near[0]}`" if near else f"no such field; there are {_fields(model)}"


def _fields(model: type[BaseModel]) -> str:
    """Required ones first and as they are, others in brackets."""
    fields = {name: field for name, field in model.model_fields.items() if name not in ("summary", "sections")}
    needed = [name for name, field in fields.items() if field.is_required()]
    return ", ".join(needed + [f"[{name}]" for name in fields if name not in needed])


def _model_at(model: type[BaseModel], place: Location) -> type[BaseModel] | None:
    """The model of what stands at `place` in a document that `model` is to read."""
    found: type[BaseModel] | None = model
    for part in place:
        if found is None or isinstance(part, int):
            continue
        field = found.model_fields.get(part)
        found = _model_in(field.annotation) if field else None
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The one model within `tuple[Link, ...]`, `Link | None` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model_in(one))), None)
