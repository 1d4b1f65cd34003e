from __future__ import annotations

from django import forms


class VerdictForm(forms.Form):
    key = forms.CharField(widget=forms.HiddenInput, max_length=100)
    case = forms.SlugField(widget=forms.HiddenInput, max_length=64)
    word = forms.ChoiceField(choices=[("stands", "confirm"), ("refuted", "refute")])
    note = forms.CharField(max_length=500, required=False)
