"""The problem document (RFC 9457), as every error of the API is one."""

from __future__ import annotations

from pydantic import Field

from rest.document.shapes import Shape

MEDIA_TYPE = "application/problem+json"


class Fault(Shape):
    """One thing that is wrong with what was sent."""

    where: str = Field(description="A JSON Pointer, a header's name, or line:column.")
    expected: str
    found: str


class Problem(Shape):
    """Why a request was not answered as it asked (RFC 9457)."""

    type: str = Field(description="Its kind, explained at this address.")
    title: str
    status: int
    detail: str | None = None
    code: str | None = None
    instance: str | None = Field(default=None, description="Where what was kept of a refused report can be read.")
    errors: list[Fault] | None = None
