from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils import timezone

from catalog.documents.schema import Link, Step
from diagnosis.words.vocabulary import STRATEGY_STATES
from discussion.mail import letters
from discussion.typed import kept
from people.accounts import names


class SourceField(forms.CharField):
    """Where something was said: a comment here, a mail, or an https address. Cleans to a `Link`, or None."""

    def clean(self, value: Any) -> Any:
        given = kept(super().clean(value)).strip()
        if not given:
            return None
        if found := re.search(r"(?:^|/)c/(\d{1,18})/?$", given):
            return Link(kind="comment", ref=found[1], title="Comment")
        if message_id := letters.message_id(given):
            return Link(kind="message", ref=message_id, title="Mail")
        if re.fullmatch(r"[0-9a-f]{12,40}", given):
            return Link(kind="commit", ref=given, title=f"Commit {given[:12]}")
        if re.fullmatch(r"https://[^\s<>\"]{1,290}", given):
            return Link(kind="article", ref=given, title=given)
        raise forms.ValidationError("Expected a comment's address, a Message-ID, a commit or an https address.")


class SaidForm(forms.Form):
    MAX_CHARACTERS = 4_000

    text = forms.CharField(
        label="What it says",
        max_length=MAX_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 6, "required": True}),
        help_text="In a few sentences. It stands on the strategy's page and on the session's. CommonMark.",
    )
    whose = forms.CharField(
        label="Whose it is", required=False, max_length=300, help_text="Yours, where this stays empty."
    )
    source = SourceField(
        label="Where it was said",
        required=False,
        max_length=600,
        help_text="The address of a comment or of a mail, a Message-ID, a commit; empty where it is said first here.",
    )

    def __init__(self, *args: Any, is_answer: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_answer:
            del self.fields["whose"]

    def clean_text(self) -> str:
        return kept(self.cleaned_data["text"]).strip()

    def clean_whose(self) -> str:
        whose = " ".join(kept(self.cleaned_data["whose"]).split())
        if names.has_hidden(whose):
            raise forms.ValidationError("It has a character that cannot be seen.")
        return whose


class MoveForm(forms.Form):
    state = forms.ChoiceField(choices=[(w.slug, f"{w.label}: {w.meaning}") for w in STRATEGY_STATES.values()])
    version = forms.IntegerField(
        required=False, min_value=1, max_value=200, help_text="Of the series, where patches were posted."
    )
    source = SourceField(
        label="Where that is seen", required=False, max_length=600, help_text="A Message-ID, a commit, or an address."
    )
    note = forms.CharField(required=False, max_length=1_000)

    def clean_note(self) -> str:
        return " ".join(kept(self.cleaned_data["note"]).split())

    def step(self) -> Step:
        data = self.cleaned_data
        return Step(
            state=data["state"],
            version=data["version"],
            source=data["source"],
            note=data["note"] or None,
            at=timezone.now().date().isoformat(),
        )
