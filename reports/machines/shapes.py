"""Machines and tokens as JSON, and what is asked for when one is made."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeVar

from django.conf import settings
from django.utils import timezone
from pydantic import ConfigDict, Field, ValidationError, field_validator
from rest_framework.request import Request

from people.models import Machine, Scope, Standing, Token
from reports.machines.forms import TokenForm
from rest import problems
from rest.document.shapes import URI, Shape, one_of

_Scope = Annotated[str, Field(json_schema_extra=one_of(Scope.values))]


class MachineTold(Shape):
    """A machine of the owner's."""

    machine: str
    standing: str = Field(description="Only a trusted machine's runs count.", json_schema_extra=one_of(Standing.values))
    created_at: datetime
    page: str = Field(json_schema_extra=URI)


class TokenTold(Shape):
    """A token, without its secret."""

    token: int = Field(description="Its number.")
    machine: str
    prefix: str = Field(description="The first characters of the secret.")
    scopes: list[_Scope]
    opens: bool = Field(description="Neither revoked nor expired.")
    created_at: datetime
    expires_at: datetime | None = Field(default=None, description="Absent where it never does.")
    last_used_at: datetime | None = Field(default=None, description="To the minute. Absent where it never was.")
    revoked_at: datetime | None = None


class MadeToken(Shape):
    """A new token, with its secret: it is told this once, and kept nowhere."""

    token: TokenTold
    secret: str


class Rights(Shape):
    """A token that is wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    scopes: list[_Scope] = Field(default=[Scope.SUBMIT.value], min_length=1, max_length=len(Scope.values))
    days: int | None = Field(
        default=None,
        ge=1,
        le=TokenForm.MOST_DAYS,
        description="Until it expires. Without it, as long as whoever asks may give.",
    )

    @field_validator("days", mode="before")
    @classmethod
    def _demand_number(cls, given: Any) -> Any:
        """As in answers, what is not there is left out."""
        if given is None:
            raise ValueError("expected a number of days, or none named")
        return given


class NewMachine(Rights):
    """A machine that is wanted, and its first token."""

    name: str = Field(
        description="Public, and nobody else's.", min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9._+-]*$"
    )


_Wish = TypeVar("_Wish", bound=Rights)


class Unmade(problems.Documented):
    """Nothing was made. `.document()` says why."""

    def __init__(self, status: int, title: str, errors: list[dict[str, str]] | None = None) -> None:
        self.status, self.title, self.errors = status, title, errors or []
        super().__init__(title)

    def document(self) -> dict[str, Any]:
        return {**problems.made(self.status, self.title), **({"errors": self.errors} if self.errors else {})}


def wanted(shape: type[_Wish], request: Request) -> _Wish:
    """The body of the request. Raises `Unmade` (422), without a body too: the framework takes that for an empty one."""
    has_body = request.META.get("CONTENT_LENGTH") not in (None, "", "0")
    try:
        made = shape.model_validate(request.data if has_body else None)
    except ValidationError as error:
        raise Unmade(422, "Nothing was made.", [_fault(one) for one in error.errors()]) from None
    for number, scope in enumerate(made.scopes):
        if scope not in Scope.values or scope in made.scopes[:number]:
            fault = {"where": f"/scopes/{number}", "expected": f"each once, of {', '.join(Scope.values)}"}
            raise Unmade(422, "Nothing was made.", [{**fault, "found": scope[:64]}])
    return made


def _fault(one: Any) -> dict[str, str]:
    where = "".join(f"/{part}" for part in one["loc"])
    return {"where": where or "/", "expected": one["msg"], "found": str(one["input"])[:64]}


def machine_told(row: Machine) -> dict[str, Any]:
    return MachineTold(
        machine=row.name,
        standing=row.standing,
        created_at=row.created_at,
        page=settings.SITE_URL + row.get_absolute_url(),
    ).shown()


def token_told(row: Token) -> TokenTold:
    return TokenTold(
        token=row.pk,
        machine=row.machine.name,
        prefix=row.prefix,
        scopes=sorted(row.scopes),
        opens=row.revoked_at is None and (row.expires_at is None or row.expires_at > timezone.now()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
