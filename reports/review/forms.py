"""What editors say of evidence, and of what no case explains."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from catalog.models import Case
from diagnosis.words.vocabulary import CONTROLLERS, MECHANISMS


class VerdictForm(forms.Form):
    key = forms.CharField(widget=forms.HiddenInput, max_length=100)
    case = forms.SlugField(widget=forms.HiddenInput, max_length=64)
    word = forms.ChoiceField(choices=[("stands", "confirm"), ("refuted", "refute")])
    note = forms.CharField(max_length=500, required=False)


class RulingForm(forms.Form):
    """What an editor says of a group: `word` is the button that was pressed."""

    case = forms.ModelChoiceField(
        Case.objects.none(), to_field_name="slug", required=False, empty_label="Choose a case"
    )
    note = forms.CharField(max_length=500, required=False)
    word = forms.ChoiceField(choices=[("case", "this case"), ("noise", "noise"), ("back", "take it back")])

    def __init__(self, user: Any, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id=False)
        cases = self.fields["case"]
        assert isinstance(cases, forms.ModelChoiceField)
        cases.queryset = Case.objects.visible_to(user).order_by("title")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("word") == "case" and not data.get("case") and "case" not in self.errors:
            self.add_error("case", "Choose the case.")
        if data.get("word") == "noise":
            data["case"] = None
        return data


class PromoteForm(forms.Form):
    """What a draft needs before it can be one."""

    title = forms.CharField(max_length=120, min_length=8)
    mechanism = forms.ChoiceField(
        choices=[("", "Choose a mechanism"), *((w.slug, f"{w.label}: {w.meaning}") for w in MECHANISMS.values())]
    )
    controllers = forms.MultipleChoiceField(
        label="Who controls how long",
        choices=[(w.slug, w.label) for w in CONTROLLERS.values()],
        widget=forms.CheckboxSelectMultiple,
    )
