from __future__ import annotations

from typing import Any

from django import forms

from catalog.models import Document
from discussion.models import Comment


def _clean(text: str) -> str:
    """Line ends as one character. A NUL, or half of a character, can be kept nowhere."""
    if "\x00" in text:
        raise forms.ValidationError("A NUL character cannot be kept.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise forms.ValidationError("Half of a character (a lone surrogate) cannot be kept.")
    return text.replace("\r\n", "\n")


class TextForm(forms.Form):
    text = forms.CharField(
        label="Comment",
        max_length=Comment.MAX_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 9, "required": True}),
        help_text="CommonMark; ```diff and ```c are coloured. "
        "Name cases, strategies and kernels as #slug, people as @name.",
    )

    def clean_text(self) -> str:
        return _clean(self.cleaned_data["text"])


class CommentForm(TextForm):
    parent = forms.ModelChoiceField(Comment.objects.none(), required=False, widget=forms.HiddenInput)

    def __init__(self, document: Document, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["parent"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Comment.objects.visible_to(user).filter(document=document)


class EditForm(TextForm):
    base = forms.IntegerField(min_value=0, max_value=1_000_000, widget=forms.HiddenInput)


class WhyForm(forms.Form):
    """A reason, where what is done to somebody needs one."""

    why = forms.CharField(label="Why", max_length=300)

    def clean_why(self) -> str:
        return _clean(self.cleaned_data["why"])
