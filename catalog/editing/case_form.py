"""Proposing a case: what holds it, who decides for how long, a link; all else may be left for later."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.text import slugify

from catalog.documents.parser import Malformed, parse, write
from catalog.documents.schema import RESERVED, SHORT_CHARACTERS, Bounds, CaseText, Effect, Link
from catalog.editing.strategy_form import ProseField
from catalog.models import Document
from catalog.models.text import owns_names
from catalog.templatetags.shown import first_sentence
from diagnosis.words.vocabulary import AREAS, CONTROLLERS, EFFECTS, MANNERS, MECHANISMS, TIME_BOUNDS

TITLE_CHARACTERS = 120
SECTIONS = {
    "tell": ("How to tell", "What shows that it is this: a stack, a counter, a line in the log."),
    "now": ("What to do now", "What lets go of the memory, today."),
    "reproduce": ("Reproduce it", "The steps, and the kernel on which they worked."),
    "question": ("Open question", "What is not known, or not agreed on."),
}


def _choices(words: Any) -> list[tuple[str, str]]:
    return [(word.slug, f"{word.label}: {word.meaning}") for word in words.values()]


class CaseForm(forms.Form):
    """Its outcome is `cleaned_data["text"]`, a document that the parser of files has read."""

    holds = ProseField(
        label="What holds it",
        min_length=20,
        help_text="What keeps the folio where it is, and what would let go of it. CommonMark.",
    )
    mechanism = forms.ChoiceField(label="Mechanism", choices=[("", "—"), *_choices(MECHANISMS)])
    controllers = forms.MultipleChoiceField(
        label="Who controls how long", choices=_choices(CONTROLLERS), widget=forms.CheckboxSelectMultiple
    )
    link = forms.CharField(
        max_length=300, help_text="A Message-ID, a commit (12 to 40 hex digits), or an address with https://."
    )
    title = forms.CharField(
        max_length=TITLE_CHARACTERS,
        required=False,
        help_text="Its address is made from it. Left empty, it is the first sentence above.",
    )
    short = forms.CharField(
        label="Short name",
        max_length=SHORT_CHARACTERS,
        required=False,
        help_text="What a maintainer would call it, for lists: at most 48 characters.",
    )
    link_title = forms.CharField(label="What the link is", max_length=200, required=False)
    bound = forms.ChoiceField(
        label="Does it end by itself?", choices=_choices(TIME_BOUNDS), initial="unknown", required=False
    )
    areas = forms.MultipleChoiceField(
        label="Areas hit", choices=_choices(AREAS), widget=forms.CheckboxSelectMultiple, required=False
    )
    subsystems = forms.CharField(max_length=300, required=False, help_text="With commas between: FUSE, mm/migrate")

    def __init__(self, *args: Any, takes_names: bool = False, **kwargs: Any) -> None:
        """`takes_names`: proposals make way for this one."""
        super().__init__(*args, **kwargs)
        self.takes_names = takes_names
        manners = [("", "not known"), *((word.slug, word.label) for word in MANNERS.values())]
        for word in EFFECTS.values():
            self.fields[f"effect_{word.slug}"] = forms.ChoiceField(label=word.label, choices=manners, required=False)
        for name, (heading, help_text) in SECTIONS.items():
            self.fields[name] = ProseField(label=heading, required=False, help_text=help_text)

    @property
    def effects(self) -> list[forms.BoundField]:
        return [self[f"effect_{slug}"] for slug in EFFECTS]

    @property
    def sections(self) -> list[forms.BoundField]:
        return [self[name] for name in SECTIONS]

    @property
    def rest_has_errors(self) -> bool:
        """Whether what may be left for later must be open, so that its errors are seen."""
        return bool(self.errors.keys() - {"holds", "mechanism", "controllers", "link", "__all__"})

    def clean_link(self) -> Link:
        return link_from(self.cleaned_data["link"])

    def clean_subsystems(self) -> tuple[str, ...]:
        names = [name.strip() for name in self.cleaned_data["subsystems"].split(",")]
        return tuple(dict.fromkeys(name for name in names if name))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        data["title"] = data["title"] or first_sentence(data["holds"])[:TITLE_CHARACTERS].rstrip(". ")
        slug = slugify(data["title"].replace("_", "-"))[:64].strip("-")
        if not slug or slug in RESERVED:
            self.add_error("title", "Use some more letters or digits: the address is made from the title.")
        elif self._taken(slug):
            self.add_error("title", "There is a case of this name already. Give this one another title.")
        else:
            data["text"] = self._document(slug, data)
        return data

    def _taken(self, slug: str) -> bool:
        in_the_way = owns_names() if self.takes_names else Q()
        documents = Document.objects.filter(in_the_way, kind="case")
        return documents.filter(Q(slug=slug) | Q(case__aliases__slug=slug)).exists()

    def _document(self, slug: str, data: dict[str, Any]) -> str:
        link: Link = data["link"]
        named = {SECTIONS[name][0]: data[name] for name in SECTIONS if data[name]}
        effects = {word: data[f"effect_{word}"] for word in EFFECTS if data[f"effect_{word}"]}
        document = CaseText(
            case=slug,
            title=data["title"],
            short=data["short"] or None,
            kind="case",
            status="open",
            mechanism=data["mechanism"],
            controllers=tuple(data["controllers"]),
            bounds=Bounds(time=data["bound"] or "unknown"),
            areas=tuple(data["areas"]),
            effects=tuple(Effect(effect=e, manner=manner, standing="reported") for e, manner in effects.items()),
            subsystems=data["subsystems"],
            links=(Link(kind=link.kind, ref=link.ref, title=data["link_title"] or link.title),),
            summary=data["holds"],
            sections=named,
        )
        text = write(document)
        try:
            parse(text)
        except Malformed as error:
            self.add_error(None, str(error))
        return text


def link_from(given: str) -> Link:
    """The link that somebody typed or pasted, with its kind. Raises `forms.ValidationError`."""
    ref = given.strip().strip("<>")
    if (found := re.match(r"https?://(?:lore\.kernel\.org|lkml\.kernel\.org)/(?:\w[\w.-]*/)?([^/\s<>]+@[^/\s<>]+?)/?(?:[TtR]/.*)?$", ref)) or (found := re.match(r"https://git\.kernel\.org/?\S*?(?:[?&;]id=|/linus/|/c/)([0-9a-f]{12,40})\b", ref)):  # fmt: skip  # noqa: E501
        ref = found[1]
    for kind in _kinds(ref):
        try:
            return Link(kind=kind, ref=ref, title=ref)
        except ValueError:
            continue
    raise forms.ValidationError("Give a Message-ID, a commit of 12 to 40 hex digits, or an address with https://.")


def _kinds(ref: str) -> tuple[str, ...]:
    if ref.startswith("https://docs.kernel.org/"):
        return ("documentation",)
    if ref.startswith("https://bug"):
        return ("bug",)
    return ("article",) if ref.startswith("https://") else ("commit", "message")
