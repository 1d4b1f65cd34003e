"""What is the same for every operation of the OpenAPI document: problem documents, who needs a token, 414, 429, the
headers of answers, a summary; and names that a generator of clients can make classes of."""

from __future__ import annotations

import re
from typing import Any

from rest.document.problem import MEDIA_TYPE

# Said by the web server, which hands on no request whose first line is longer than it reads.
_FROM_THE_SERVER = {"text/html": {"schema": {"type": "string"}}}
METHODS = ("get", "post", "put", "patch", "delete")
_TEXT = {"type": "string"}
HEADERS: dict[str, dict[str, Any]] = {
    "Link": {"description": "The pages after and before this one (RFC 8288): next, prev.", "schema": _TEXT},
    "ETag": {"description": "Of this answer in this encoding, for If-None-Match.", "schema": _TEXT},
    "Location": {"description": "Where what was made can be read.", "schema": _TEXT},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "RateLimit": {"description": "What is left of the limit: r units for t seconds.", "schema": _TEXT},
    "RateLimit-Policy": {"description": "The limit: q units in w seconds.", "schema": _TEXT},
}
TAGS = {
    "affected": "Is a kernel affected by the known cases.",
    "cases": "The cases: their texts, what was measured of them, what is said of them.",
    "compare": "Two kernels side by side.",
    "diagnose": "What a kernel log says.",
    "events": "What happened on the site.",
    "follows": "What somebody wants mail of.",
    "kernels": "The kernels that something was measured on.",
    "machines": "Who sends, and with which tokens.",
    "reports": "Send results, and find them again.",
    "root": "Where everything is.",
    "strategies": "Proposed ways out.",
    "waits": "What each mover does at each state of a folio.",
    "whoami": "Who a token speaks for.",
}


def finished(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: errors are problem documents, whatever does not document 401 is open to strangers."""
    schemas = result["components"]["schemas"]
    result["paths"].pop("/api/v1/batch/", None)  # the older address of /api/v1/reports/batch/
    for path in result["paths"].values():
        for method in METHODS:
            if method in path:
                _finish(method, path[method])
                _name_bodies(path[method], schemas)
    result["components"]["headers"] = HEADERS
    used = {tag for path in result["paths"].values() for one in path.values() for tag in one.get("tags", [])}
    result["tags"] = [{"name": name, "description": says} for name, says in TAGS.items() if name in used]
    result["components"]["schemas"] = {_plain_name(name): of for name, of in sorted(schemas.items())}
    made: dict[str, Any] = _renamed(result)
    return made


def _finish(method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if method == "get":
        responses.setdefault("400", {"description": "A parameter that is unknown or malformed.", "content": _content()})
    responses.setdefault("429", {"description": "Asked too often.", "content": _content()})
    responses.setdefault("414", {"description": "The address is too long.", "content": _FROM_THE_SERVER})
    for status, response in responses.items():
        if int(status) >= 400 and int(status) != 414:
            response["content"] = _content()
        names = _headers_of(method, int(status), operation)
        if names:
            response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    needs = [one for one in operation.get("security", []) if one]
    operation["security"] = needs if "401" in responses else [*needs, {}]
    operation["summary"] = re.split(r"(?<=[a-z0-9)]{2})[.:;] ", operation["description"].replace("\n", " "))[0].rstrip(
        "."
    )
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True


def _name_bodies(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """A body that has a title is a component of that name: else its class would be called after the operation."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        # The schema is the view's own, of which the next document is made: nothing is taken out of it.
        if name := media["schema"].get("title", ""):
            schemas[name] = {key: of for key, of in media["schema"].items() if key != "title"}
            media["schema"] = {"$ref": f"#/components/schemas/{name}"}


def _headers_of(method: str, status: int, operation: dict[str, Any]) -> list[str]:
    if status == 414:
        return []
    names = ["RateLimit", "RateLimit-Policy"]
    if status == 429:
        return [*names, "Retry-After"]
    if method in ("get", "put") and status == 200:
        names.append("ETag")
        if any(parameter["name"] == "limit" for parameter in operation.get("parameters", [])):
            names.append("Link")
    return [*names, "Location"] if method == "post" and status in (200, 201, 202) else names


def _content() -> dict[str, Any]:
    return {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def _plain_name(name: str) -> str:
    """`EvidenceTold` keeps a shape apart from the row that it tells of; outside there is only `Evidence`."""
    return name.removesuffix("Told")


def _renamed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renamed(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {key: _renamed(one) for key, one in value.items()}
    if isinstance(made.get("$ref"), str):
        made["$ref"] = _plain_name(made["$ref"])
    return made
