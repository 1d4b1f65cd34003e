from __future__ import annotations

from django import forms

from people.models import Machine, Scope

_NAME = Machine._meta.get_field("name")


class MachineForm(forms.Form):
    name = forms.CharField(max_length=64, validators=list(_NAME.validators))


class TokenForm(forms.Form):
    scopes = forms.MultipleChoiceField(choices=Scope.choices, initial=[Scope.SUBMIT])
    days = forms.IntegerField(min_value=1, max_value=3650, required=False)
