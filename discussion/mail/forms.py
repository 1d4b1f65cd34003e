"""The form that imports a thread."""

from __future__ import annotations

from typing import Any

from django import forms

from catalog.models import Document
from discussion.mail import archive, letters
from discussion.typed import kept


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
