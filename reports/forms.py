from __future__ import annotations

from django import forms


class VerdictForm(forms.Form):
    evidence = forms.IntegerField(widget=forms.HiddenInput, min_value=1)
    word = forms.ChoiceField(choices=[("stands", "confirm"), ("refuted", "refute")])
    note = forms.CharField(max_length=500, required=False)
