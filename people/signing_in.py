"""How accounts come to be and are entered: what is ours of django-allauth's ways."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.stages import EmailVerificationStage
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from people import journal
from people.models import User, is_reserved
from rest.addresses import address


class Accounts(DefaultAccountAdapter):
    error_messages = {**DefaultAccountAdapter.error_messages, "username_blacklisted": "Nobody can have this name."}

    def get_client_ip(self, request: HttpRequest) -> str:
        return address(request)

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGNING.is_open)

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """However somebody comes in, by the form or from another site."""
        if is_reserved(username):
            raise self.validation_error("username_blacklisted")
        return super().clean_username(username, shallow)

    def format_email_subject(self, subject: str) -> str:
        """In sentence case, as ours are."""
        return super().format_email_subject(subject.capitalize())

    def get_login_stages(self) -> list[str]:
        """Ours in the place of the one that asks for a verified address."""
        ours = f"{AddressStage.__module__}.{AddressStage.__qualname__}"
        theirs = f"{EmailVerificationStage.__module__}.{EmailVerificationStage.__qualname__}"
        return [ours if stage == theirs else stage for stage in super().get_login_stages()]

    @transaction.atomic
    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        return _joined(super().save_user(request, user, form, commit=commit))


class SocialAccounts(DefaultSocialAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return bool(settings.SIGNING.is_open)

    @transaction.atomic
    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        return _joined(super().save_user(request, sociallogin, form))


class AddressStage(EmailVerificationStage):
    """Who signed up proves the address first. Whoever a maintainer added by hand needs none."""

    def handle(self) -> Any:
        user = self.login.user  # None where somebody signs up with an address that is known already
        if user is not None and user.vouched and not user.email:
            return None, True
        return super().handle()


def _joined(user: User) -> User:
    """Nobody vouches for who signs up: their first comment waits."""
    user.vouched = False
    user.save(update_fields=["vouched"])
    journal.record("person.joined", "person", str(user.pk), user)
    return user
