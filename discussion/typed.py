"""What people typed, as it can be kept."""

from __future__ import annotations

from django import forms


def kept(text: str) -> str:
    """Line ends as one character. A NUL, or half of a character, can be kept nowhere."""
    if "\x00" in text:
        raise forms.ValidationError("A NUL character cannot be kept.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise forms.ValidationError("Half of a character (a lone surrogate) cannot be kept.")
    return text.replace("\r\n", "\n")
