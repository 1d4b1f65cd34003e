from __future__ import annotations

from typing import Any

from django import forms

from catalog.models import Case
from people.models import Machine, User
from webhooks import addresses

# What may be asked for: what is measured, and what is published. Each is for strangers to see.
OFFERED = (
    *("outcome.changed", "evidence.first", "build.new"),
    *("case.published", "case.revised", "strategy.published", "strategy.revised"),
    *("machine.trusted", "machine.withdrawn"),
)
MEANINGS = {
    "outcome.changed": "a case was fixed, regressed or is now inconclusive on a newer kernel",
    "evidence.first": "a case has its first evidence on a line of kernels",
    "build.new": "a build was measured for the first time",
    "case.published": "a case was published",
    "case.revised": "the text of a case was revised",
    "strategy.published": "a strategy was published",
    "strategy.revised": "the text of a strategy was revised",
    "machine.trusted": "what a machine sends counts from now on",
    "machine.withdrawn": "what a machine sent counts no more",
}


class HookForm(forms.Form):
    url = forms.CharField(
        label="Address", max_length=addresses.MOST, help_text="https, and reachable from the internet."
    )
    verbs = forms.MultipleChoiceField(
        label="What is sent",
        choices=[(verb, f"{verb}: {MEANINGS[verb]}") for verb in OFFERED],
        widget=forms.CheckboxSelectMultiple,
        initial=["outcome.changed"],
        error_messages={"required": "Choose one at least."},
    )
    case = forms.CharField(max_length=64, required=False, help_text="Only of this case, by the name in its address.")
    kernel = forms.CharField(
        max_length=130, required=False, help_text="Only of a line, such as 6.18, or of one release."
    )
    machine = forms.CharField(max_length=64, required=False, help_text="Only what this machine’s reports told.")

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_url(self) -> str:
        """Resolved only when it is sent to: who types a name here learns nothing about it."""
        url: str = self.cleaned_data["url"]
        try:
            target = addresses.read(url)
            if ":" in target.host or _is_number(target.host):
                addresses.demand_public(target.host, target.is_tls)
        except addresses.Refused as refused:
            raise forms.ValidationError(str(refused)) from None
        return url

    def clean_case(self) -> str:
        name: str = self.cleaned_data["case"]
        found = Case.objects.visible_to(self.user).named(name) if name else None
        if name and found is None:
            raise forms.ValidationError("There is no such case.")
        return found.slug if found else ""

    def clean_machine(self) -> str:
        name: str = self.cleaned_data["machine"]
        if name and not Machine.objects.filter(name=name).exists():
            raise forms.ValidationError("There is no such machine.")
        return name

    def clean_kernel(self) -> str:
        name: str = self.cleaned_data["kernel"]
        if not name.isprintable():
            raise forms.ValidationError("Expected a line such as 6.18, or a release.")
        return name


def _is_number(host: str) -> bool:
    return all(part.isdigit() for part in host.split("."))
