from __future__ import annotations

from typing import Any

from django import forms

from catalog.models import Document
from discussion.mail import archive, letters
from discussion.models import Comment


def kept(text: str) -> str:
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


class ImportForm(forms.Form):
    """Mail of one thread: a file, or the Message-ID by which the archive knows it."""

    message_id = forms.CharField(
        label="Message-ID",
        required=False,
        max_length=600,
        help_text="Such as 20260302090000.1234-1-jane@example.org, or the mail's address in the archive. "
        "The thread is fetched within a minute, and followed while it lives.",
    )
    mailbox = forms.FileField(
        label="Mailbox", required=False, help_text="An mbox, packed with gzip or not; up to 8 MB as it is sent."
    )
    about = forms.CharField(
        label="Cases and strategies it speaks of",
        max_length=600,
        help_text="Their slugs, with spaces between.",
    )

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_message_id(self) -> str:
        given = self.cleaned_data["message_id"]
        found = letters.message_id(given)
        if given and not found:
            raise forms.ValidationError("This is no Message-ID, and no address of one.")
        return found

    def clean_mailbox(self) -> Any:
        given = self.cleaned_data["mailbox"]
        if given and given.size > archive.MAX_RECEIVED_BYTES:
            raise forms.ValidationError(f"Expected up to {archive.MAX_RECEIVED_BYTES} bytes, found {given.size}.")
        return given

    def clean_about(self) -> list[Document]:
        made = []
        for slug in dict.fromkeys(kept(self.cleaned_data["about"]).replace(",", " ").split()):
            found = list(Document.objects.visible_to(self.user).filter(slug=slug))
            if not found:
                raise forms.ValidationError(f"There is no case and no strategy {slug}.")
            made += found
        return made

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors and bool(data.get("mailbox")) == bool(data.get("message_id")):
            raise forms.ValidationError("Give a Message-ID or a mailbox, one of the two.")
        return data
