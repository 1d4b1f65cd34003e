"""What is asked of somebody who shares a text."""

from __future__ import annotations

from django import forms

from diagnosis.words.vocabulary import ENVIRONMENTS


class ShareForm(forms.Form):
    """What is shared beside the text. `agreed` comes with the second step, after what is hidden was shown."""

    kernel = forms.RegexField(
        r"^[\x21-\x7e]{1,120}\Z", label="Kernel", help_text="What uname -r prints.", max_length=120, strip=True
    )
    architecture = forms.RegexField(r"^[a-z0-9_]{1,32}\Z", initial="x86_64", help_text="What uname -m prints.")
    environment = forms.ChoiceField(choices=[(w.slug, w.label) for w in ENVIRONMENTS.values()], initial="host")
    note = forms.CharField(max_length=500, required=False, help_text="What was done when it happened.")
    agreed = forms.BooleanField(required=False, widget=forms.HiddenInput)
