"""What the API answers, written once: a `Shape` makes the JSON of an answer and its schema in the OpenAPI document.

A field that may be None is absent where it is None: what is not known is never null.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, create_model
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def shown(self) -> dict[str, Any]:
        """For the renderer, which writes times and UUIDs."""
        return self.model_dump(exclude_none=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        made = handler.resolve_ref_schema(handler(core_schema))
        made.pop("title", None)  # generators would take it for the name
        made.pop("additionalProperties", None)  # a later release may say more
        for field in made.get("properties", {}).values():
            field.pop("title", None)
            if field.get("default", ...) is None:
                del field["default"]
            known = [one for one in field.get("anyOf", []) if one != {"type": "null"}]
            if len(known) == 1:
                del field["anyOf"]
                field.update(known[0])
            elif known:
                field["anyOf"] = known
        return made


def page_of(shape: type[Shape], name: str = "", **more: Any) -> type[Shape]:
    """The schema of a list: `rest.paging.answer` makes the page itself."""
    fields: dict[str, Any] = {
        "results": (list[shape], ...),  # type: ignore[valid-type]
        "next": (
            str | None,
            Field(default=None, description="The next page. Absent on the last one.", json_schema_extra=URI),
        ),
        **more,
    }
    return create_model(f"{name or shape.__name__}Page", __base__=Shape, __doc__="A page of a list.", **fields)


URI: Any = {"format": "uri"}


def one_of(words: Iterable[str]) -> Any:
    return {"enum": list(words)}
