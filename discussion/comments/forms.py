"""Forms of the discussion: what is said, why something is hidden or moved."""

from __future__ import annotations

from typing import Any

from django import forms

from catalog.models import Document
from discussion.models import Comment
from discussion.typed import kept


class TextForm(forms.Form):
    text = forms.CharField(
        label="Comment",
        max_length=Comment.MAX_CHARACTERS,
        error_messages={"required": "Nothing is written yet."},
        widget=forms.Textarea(attrs={"rows": 9, "required": True}),
        help_text="CommonMark; ```diff and ```c are coloured. "
        "Name cases, strategies and kernels as #slug, people as @name. "
        "A link to a comparison keeps the figures of today.",
    )

    def clean_text(self) -> str:
        return kept(self.cleaned_data["text"])


class CommentForm(TextForm):
    parent = forms.ModelChoiceField(Comment.objects.none(), required=False, widget=forms.HiddenInput)

    def __init__(self, document: Document, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["parent"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Comment.objects.visible_to(user).filter(document=document).select_related("author")


class EditForm(TextForm):
    base = forms.IntegerField(min_value=0, max_value=1_000_000, widget=forms.HiddenInput)


class WhyForm(forms.Form):
    """A reason, where what is done to somebody needs one."""

    why = forms.CharField(label="Why", max_length=300, error_messages={"required": "Say why."})

    def clean_why(self) -> str:
        return kept(self.cleaned_data["why"])
