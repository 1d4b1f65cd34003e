"""What a case and a strategy say: every field of a document's head, its bounds, and nothing of its form.

Adding a field to cases or strategies is adding a line here.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from django.utils.text import slugify
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from catalog.documents import addresses
from diagnosis.words import vocabulary


def _word(group: str) -> AfterValidator:
    """For a field that holds a word of this group of the vocabulary."""
    known = vocabulary.GROUPS[group]

    def check(value: str) -> str:
        if value not in known:
            raise ValueError(f"expected one of {', '.join(known)}, found {value!r}")
        return value

    return AfterValidator(check)


RESERVED = {"new": "the form for new ones", "proposed": "the list of proposals"}


def _unreserved(slug: str) -> str:
    if slug in RESERVED:
        raise ValueError(f"`{slug}` is the address of {RESERVED[slug]}")
    return slug


Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$"), AfterValidator(_unreserved)]
OneLine = Annotated[str, Field(min_length=1, max_length=300)]
Text = Annotated[str, Field(min_length=1, max_length=4_000)]
BuildLabel = Annotated[str, Field(min_length=1, max_length=80)]
Date = Annotated[str, Field(pattern=r"^\d{4}(-\d\d(-\d\d)?)?$")]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{12,40}$")]
Provenance = Annotated[str, _word("provenance")]


def subsystem_slug(name: str) -> str:
    """`mm/migrate` is at /subsystems/mm-migrate/."""
    return slugify(name.replace("/", "-"))[:80] or "other"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bounds(_Part):
    time: Annotated[str, _word("time bound")]
    time_note: Text | None = None
    amount: OneLine | None = None
    denies: Text | None = None


class Effect(_Part):
    effect: Annotated[str, _word("effect")]
    manner: Annotated[str, _word("manner")]
    standing: Annotated[str, _word("standing")]
    note: Text | None = None


class Standstill(_Part):
    """What else stands still meanwhile: one entry of the blast radius."""

    text: Text
    standing: Annotated[str, _word("standing")]
    source: OneLine | None = None


class Change(_Part):
    """What is known of one tree: introduced, present, absent, changed or fixed there, and how that is known."""

    tree: OneLine
    change: Annotated[str, _word("change")]
    known_by: Provenance
    release: OneLine | None = None
    commit: Commit | None = None
    not_run: OneLine | None = None
    """Of `present`: what the recorded runs do not make, and what is held there. Runs that moved then decide nothing."""
    note: Text | None = None

    @property
    def url(self) -> str:
        """The commit in the tree that it is told of, '' where none is named."""
        return addresses.of_commit(self.commit, self.tree) if self.commit else ""


class Link(_Part):
    kind: Annotated[str, _word("link kind")]
    ref: OneLine
    title: OneLine

    @field_validator("ref")
    @classmethod
    def ref_fits_kind(cls, ref: str, found: ValidationInfo) -> str:
        kind = found.data.get("kind")
        if kind == "message" and not re.fullmatch(r"[^\s<>@/]+@[^\s<>@/]+", ref):
            raise ValueError(f"a message is named by its Message-ID, without brackets or address; found {ref!r}")
        if kind == "commit" and not re.fullmatch(r"[0-9a-f]{12,40}", ref):
            raise ValueError(f"a commit is named by 12 to 40 hex digits; found {ref!r}")
        if kind == "comment" and not re.fullmatch(r"[0-9]{1,18}", ref):
            raise ValueError(f"a comment is named by its number; found {ref!r}")
        if kind in ("documentation", "bug", "article") and not re.fullmatch(r"https://[^\s<>\"]+", ref):
            raise ValueError(f"expected an https address; found {ref!r}")
        return ref

    @property
    def url(self) -> str:
        """The public address, '' where the kind has none (a place in the source)."""
        if self.kind == "message":
            return addresses.of_message(self.ref)
        if self.kind == "commit":
            return addresses.of_commit(self.ref)
        if self.kind == "comment":
            return f"/c/{self.ref}/"
        return self.ref if self.ref.startswith("https://") else ""


class Claim(_Part):
    id: Slug
    text: Text
    standing: Annotated[str, _word("claim standing")]
    source: Link
    answer: Text | None = None
    answer_source: Link | None = None


class Source(_Part):
    """Where something in the file comes from, and how it is known."""

    known_by: Provenance
    where: Text


Mark = Annotated[str, Field(pattern=r"^!?[a-z_]+:[^\s|]{1,100}(\|!?[a-z_]+:[^\s|]{1,100})*$", max_length=400)]
LEAST_LETTERS = 4


def _telling(name: str) -> str:
    if "*" in re.sub(r"\*(?=\.|$)", "", name):
        raise ValueError("`*` stands for the rest of a part, so at its end alone")
    if len(re.sub(r"[\W_]", "", name)) < LEAST_LETTERS:
        raise ValueError(f"expected {LEAST_LETTERS} letters or digits: less would speak of tests of all kinds")
    return name


TestName = Annotated[str, Field(pattern=r"^[^\s?\[\]]+$", max_length=120), AfterValidator(_telling)]


class Sign(_Part):
    """Marks (diagnosis/rules/marks.py) that all have to be there, and what they say together."""

    marks: Annotated[tuple[Mark, ...], Field(min_length=1, max_length=20)]
    why: OneLine


class Tell(_Part):
    """A command that tells this holder from the others, and what its output says."""

    run: Text
    tells: OneLine


class Signature(_Part):
    """How the case is recognised. `names`: tests, in any suite, that speak of it. The rest: diagnosis.matching.

    All of it is bounded: each observation of each report is held against it.
    """

    names: Annotated[tuple[TestName, ...], Field(max_length=30)] = ()
    mechanisms: Annotated[tuple[Annotated[str, _word("mechanism")], ...], Field(max_length=20)] = ()
    needs: Annotated[tuple[Mark, ...], Field(max_length=20)] = ()
    proves: Annotated[tuple[Sign, ...], Field(max_length=30)] = ()
    supports: Annotated[tuple[Sign, ...], Field(max_length=30)] = ()
    contradicts: Annotated[tuple[Sign, ...], Field(max_length=30)] = ()
    tell: Annotated[tuple[Tell, ...], Field(max_length=10)] = ()


class _Document(_Part):
    title: OneLine
    links: tuple[Link, ...] = ()
    sources: tuple[Source, ...] = ()
    summary: Text
    sections: dict[str, str] = {}


SHORT_CHARACTERS = 48


class CaseText(_Document):
    case: Slug
    short: Annotated[str, Field(min_length=1, max_length=SHORT_CHARACTERS)] | None = None
    """What maintainers would call it: for lists, the contents of pages, and previews elsewhere."""
    kind: Annotated[str, _word("kind")]
    status: Annotated[str, _word("status")]
    aliases: Annotated[tuple[Slug, ...], Field(max_length=20)] = ()
    parent: Slug | None = None
    mechanism: Annotated[str, _word("mechanism")]
    beside: tuple[Annotated[str, _word("mechanism")], ...] = ()
    controllers: Annotated[tuple[Annotated[str, _word("controller")], ...], Field(min_length=1)]
    controller_note: Text | None = None
    bounds: Bounds
    areas: tuple[Annotated[str, _word("area")], ...] = ()
    effects: tuple[Effect, ...] = ()
    blast_radius: tuple[Standstill, ...] = ()
    subsystems: tuple[OneLine, ...] = ()
    trees: tuple[Change, ...] = ()
    claims: tuple[Claim, ...] = ()
    signature: Signature = Signature()
    probe: Slug | None = None

    @property
    def slug(self) -> str:
        return self.case

    @property
    def name(self) -> str:
        return self.short or self.title


class Step(_Part):
    """One step in the life of a strategy."""

    state: Annotated[str, _word("strategy state")]
    at: Date | None = None
    version: Annotated[int, Field(ge=1, le=200)] | None = None
    source: Link | None = None
    note: Text | None = None


class Served(_Part):
    case: Slug
    effect: Annotated[str, _word("strategy effect")]
    why: Text


class Objection(_Part):
    id: Slug
    text: Text
    by: OneLine | None = None
    source: Link | None = None
    answer: Text | None = None
    answer_source: Link | None = None


class Trial(_Part):
    """How it was measured, or can be: the builds to set side by side, and what makes the lab measure them.

    Either `label`, of builds that have it (their base is the same release without), or `before` and `after`, two
    releases as `uname -r` prints them. `lab`: what stands behind `probe.pyz lab`, cases and movers included. `patch`:
    a file of data/candidates/.
    """

    label: BuildLabel | None = None
    before: OneLine | None = None
    after: OneLine | None = None
    lab: OneLine
    patch: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*(\.removal)?\.patch$", max_length=100)] | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def label_or_releases(self) -> Self:
        if bool(self.label) == bool(self.before and self.after) or bool(self.before) != bool(self.after):
            raise ValueError("expected a label, or before and after")
        return self


class StrategyText(_Document):
    strategy: Slug
    approach: Annotated[str, _word("approach")]
    states: Annotated[tuple[Step, ...], Field(min_length=1)]
    cases: Annotated[tuple[Served, ...], Field(min_length=1)]
    objections: tuple[Objection, ...] = ()
    driver: OneLine | None = None
    labels: tuple[BuildLabel, ...] = ()
    """Under which labels its patches were measured, beside its own slug."""
    trials: Annotated[tuple[Trial, ...], Field(max_length=10)] = ()
    not_measured: OneLine | None = None
    """Why nobody has measured it: what that would need."""

    @property
    def slug(self) -> str:
        return self.strategy

    @property
    def state(self) -> Step:
        """Where it stands now: the last step."""
        return self.states[-1]


DocumentText = CaseText | StrategyText


Kind = Literal["case", "strategy"]


def kind_of(document: DocumentText) -> Kind:
    return "case" if isinstance(document, CaseText) else "strategy"
