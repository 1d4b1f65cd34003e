"""Proposing a strategy: a form whose outcome is a document, checked by the same parser as a file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.text import slugify

from catalog.documents.parser import Malformed, marked_lines, parse, write
from catalog.documents.schema import Served, Step, StrategyText
from catalog.models import Case, Document
from diagnosis.words.vocabulary import APPROACHES, STRATEGY_EFFECTS

MOST_CASES = 6
MAX_CHARACTERS = 4_000


def level(text: str) -> str:
    """Headings of a person's text go below the document's own, so that they do not end its sections."""
    lines = list(marked_lines(text.replace("\r\n", "\n") + "\n"))
    if not lines[-1][1]:
        raise forms.ValidationError("A block of code is left open: end it with a line of its own fence.")
    made = "\n".join("##" + line if is_prose and line.startswith(("# ", "## ")) else line for line, is_prose in lines)
    if len(made.strip()) > MAX_CHARACTERS:
        raise forms.ValidationError(f"Its headings make this longer than {MAX_CHARACTERS} characters.")
    return made.strip()


class ProseField(forms.CharField):
    """CommonMark that becomes a summary or a section of a document."""

    def __init__(self, *, rows: int = 4, **given: Any) -> None:
        super().__init__(max_length=MAX_CHARACTERS, widget=forms.Textarea(attrs={"rows": rows}), **given)

    def clean(self, value: Any) -> str:
        return level(super().clean(value))


class StrategyForm(forms.Form):
    """Fields of a strategy; `cases` come as rows of case, effect and why."""

    title = forms.CharField(max_length=120, min_length=8)
    approach = forms.ChoiceField(choices=[(w.slug, f"{w.label}: {w.meaning}") for w in APPROACHES.values()])
    summary = ProseField(min_length=20, help_text="What it would do. CommonMark.")
    question = ProseField(label="Open question", required=False, rows=3)

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.author = user
        cases = [("", "—"), *Case.objects.visible_to(user).order_by("title").values_list("slug", "title")]
        effects = [(w.slug, w.label) for w in STRATEGY_EFFECTS.values()]
        for n in range(1, MOST_CASES + 1):
            self.fields[f"case_{n}"] = forms.ChoiceField(label=f"Case {n}", choices=cases, required=n == 1)
            effect = forms.ChoiceField(label="Effect", choices=effects, required=False, initial="helps")
            self.fields[f"effect_{n}"] = effect
            self.fields[f"why_{n}"] = forms.CharField(label="Why", max_length=1_000, required=n == 1)

    @property
    def rows(self) -> list[tuple[forms.BoundField, forms.BoundField, forms.BoundField]]:
        return [(self[f"case_{n}"], self[f"effect_{n}"], self[f"why_{n}"]) for n in range(1, MOST_CASES + 1)]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        served = self._served(data)
        slug = slugify(data.get("title", "").replace("_", "-"))[:64].strip("-")
        if data.get("title") and not slug:
            self.add_error("title", "Use some letters or digits: the address is made from the title.")
        elif slug == "new":
            self.add_error("title", "Use some more letters or digits: the address is made from the title.")
        elif Document.objects.filter(kind="strategy", slug=slug).exists():
            self.add_error("title", "There is a strategy of this name already.")
        if not self.errors:
            data["text"] = self._text(slug, data, served)
        return data

    def _served(self, data: dict[str, Any]) -> list[Served]:
        served: list[Served] = []
        for n in range(1, MOST_CASES + 1):
            case, why = data.get(f"case_{n}"), data.get(f"why_{n}")
            if not case:
                continue
            if not why:
                self.add_error(f"why_{n}", "Say why.")
            elif any(case == earlier.case for earlier in served):
                self.add_error(f"case_{n}", "This case is named above already.")
            else:
                served.append(Served(case=case, effect=data.get(f"effect_{n}") or "helps", why=why))
        return served

    def _text(self, slug: str, data: dict[str, Any], served: list[Served]) -> str:
        document = StrategyText(
            strategy=slug,
            title=data["title"],
            approach=data["approach"],
            states=(Step(state="idea", at=timezone.now().date().isoformat()),),
            cases=tuple(served),
            driver=self.author.shown_name,
            summary=data["summary"],
            sections={"Open question": data["question"]} if data.get("question") else {},
        )
        text = write(document)
        try:
            parse(text)
        except Malformed as error:
            self.add_error(None, str(error))
        return text
