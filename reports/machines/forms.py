from __future__ import annotations

from django import forms

from people.models import Machine, Scope

_NAME = Machine._meta.get_field("name")


class MachineForm(forms.Form):
    name = forms.CharField(max_length=64, validators=list(_NAME.validators))


class TokenForm(forms.Form):
    MOST_DAYS = 3650

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=[Scope.SUBMIT], error_messages={"required": "Choose a scope at least."}
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=MOST_DAYS,
        required=False,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), f"A token expires after 1 to {MOST_DAYS} days, or never."
        ),
    )
