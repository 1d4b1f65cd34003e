from __future__ import annotations

from typing import Any

from django import forms

from catalog.models import Document
from discussion.models import Comment


class CommentForm(forms.Form):
    text = forms.CharField(
        label="Comment",
        max_length=Comment.MAX_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 5, "required": True}),
        help_text="CommonMark. Name cases by their slug.",
    )
    parent = forms.ModelChoiceField(Comment.objects.none(), required=False, widget=forms.HiddenInput)

    def __init__(self, document: Document, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["parent"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Comment.objects.filter(document=document)

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        if "\x00" in text:
            raise forms.ValidationError("A NUL character cannot be kept.")
        return text
