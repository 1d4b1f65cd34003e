from __future__ import annotations

import re
from typing import Any

import allauth.account.forms as account
import allauth.mfa.base.forms as mfa
from allauth.account.adapter import get_adapter
from allauth.core import context
from django import forms
from django.db.models.functions import Lower

from people.accounts import doors, names
from people.models import User

# As people are named in texts, by @name, and in addresses.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,38}[A-Za-z0-9]")


def plain(text: str) -> str:
    """One line without controls and without what turns a line round."""
    if re.search("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", text):
        raise forms.ValidationError("It has a character that cannot be shown.")
    return " ".join(text.split())


class Worded(forms.Form):
    """Labels as elsewhere here: in sentence case, and not once more within the field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = "Mail address" if name == "email" else str(field.label).capitalize()


class SignInForm(Worded, account.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "Username or mail address"


class AddAddressForm(Worded, account.AddEmailForm):
    pass


class ChangePasswordForm(Worded, account.ChangePasswordForm):
    pass


class SetPasswordForm(Worded, account.SetPasswordForm):
    pass


class ForgottenForm(Worded, account.ResetPasswordForm):
    pass


class NewPasswordForm(Worded, account.ResetPasswordKeyForm):
    def save(self) -> None:
        super().save()
        doors.let_in(context.request, self.user)


class AgainForm(Worded, account.ReauthenticateForm):
    pass


class CodeForm(Worded, mfa.AuthenticateForm):
    pass


class CodeAgainForm(Worded, mfa.ReauthenticateForm):
    pass


class SignUpForm(Worded, account.SignupForm):
    """With the name that others write after @."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].help_text = "Public, and what others write after @. Letters, digits and _ . + - inside."

    def try_save(self, request: Any) -> Any:
        """An address that is known already is not told to be: the same is done as for one that is not, but that the
        account has no address, so that nobody can enter it, and whose address it is gets a mail.

        The name is taken in both cases, the password hashed, and signing in with them says to look for a mail.
        """
        if self.account_already_exists:
            adapter = get_adapter()
            theirs, self.cleaned_data["email"] = self.cleaned_data["email"], ""
            adapter.save_user(request, adapter.new_user(request), self)
            self.cleaned_data["email"] = theirs
        return super().try_save(request)

    def clean_username(self) -> str:
        name: str = super().clean_username()
        if not NAME.fullmatch(name):
            raise forms.ValidationError("From 2 to 40 letters, digits and _ . + - inside.")
        return name


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("kernel_name", "mails_mentions")

    def clean_kernel_name(self) -> str:
        name = plain(self.cleaned_data["kernel_name"])
        if name and (wrong := names.fault(name)):
            raise forms.ValidationError(wrong)
        others = User.objects.exclude(pk=self.instance.pk).annotate(folded=Lower("username"))
        if name and others.filter(folded__in=names.usernames_in(name)).exists():
            raise forms.ValidationError("Somebody else is called this here.")
        return name


class LeaveForm(forms.Form):
    """Typed, so that nobody leaves by a slip."""

    name = forms.CharField(label="Your name here, to be sure", max_length=150)
    words = forms.BooleanField(
        label="Take back what I said, too",
        required=False,
        help_text="The words of your comments go, their places stay. Otherwise they stay, said by somebody who left.",
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != self.user.username:
            raise forms.ValidationError("This is not your name here.")
        return name


class WhyForm(forms.Form):
    why = forms.CharField(label="Why", max_length=300)

    def clean_why(self) -> str:
        return plain(self.cleaned_data["why"])
