"""What is the same for every operation of the OpenAPI document: problem documents, who needs a token, 414, 429."""

from __future__ import annotations

from typing import Any

from rest import problems

# Said by the web server, which hands on no request whose first line is longer than it reads.
_FROM_THE_SERVER = {"text/html": {"schema": {"type": "string"}}}
METHODS = ("get", "post", "put", "patch", "delete")


def finished(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: errors are problem documents, whatever does not document 401 is open to strangers."""
    for path in result["paths"].values():
        for operation in (path[method] for method in METHODS if method in path):
            responses = operation["responses"]
            responses.setdefault("429", {"description": "Asked too often.", "content": _content()})
            responses.setdefault("414", {"description": "The address is too long.", "content": _FROM_THE_SERVER})
            for status, response in responses.items():
                if int(status) >= 400 and "application/json" in response.get("content", {}):
                    others = {kind: of for kind, of in response["content"].items() if kind != "application/json"}
                    response["content"] = {**others, **_content()}
            needs = [one for one in operation.get("security", []) if one]
            operation["security"] = needs if "401" in responses else [*needs, {}]
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
    return result


def _content() -> dict[str, Any]:
    return {problems.MEDIA_TYPE: {"schema": problems.SCHEMA}}
