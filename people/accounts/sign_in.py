"""Sign-up and sign-in: our adapters for django-allauth."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.account.stages import EmailVerificationStage
from allauth.core.internal import ratelimit
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from people import journal
from people.accounts import doors, outbox
from people.models import User, is_reserved
from rest.bounds.addresses import address

_HERE = SimpleNamespace(domain=urlsplit(settings.SITE_URL).netloc, name="unmigratable")


def _at_home(url: str) -> str:
    parts = urlsplit(url)
    return settings.SITE_URL + urlunsplit(("", "", parts.path, parts.query, ""))


class Accounts(DefaultAccountAdapter):
    error_messages = {**DefaultAccountAdapter.error_messages, "username_blacklisted": "Nobody can have this name."}

    def get_client_ip(self, request: HttpRequest) -> str:
        return address(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Replaces allauth's limit per username, with which anybody could lock out anybody else."""
        self._login_failed_rl_usage = ratelimit.consume(
            request, app="allauth.account", action="login_failed", config={"login_failed": "10/m/ip"}
        )
        if not self._login_failed_rl_usage:
            raise self.validation_error("too_many_login_attempts")
        try:
            self._knock = doors.knock(request, credentials.get("username") or credentials.get("email", ""))
        except doors.TooManyAttempts as error:
            raise ValidationError(str(error)) from None

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Accepts a mail address only once it is verified. Otherwise signing up with somebody else's address would show
        whether an account with it exists."""
        user = super().authenticate(request, **credentials)
        if user is None or credentials.get("username", "").upper() == user.username.upper():
            return user
        proved = EmailAddress.objects.filter(user=user, email__iexact=credentials.get("email", ""), verified=True)
        return user if proved.exists() else None

    def _rollback_login_failed_rl_usage(self) -> None:
        super()._rollback_login_failed_rl_usage()
        self._knock.went_well()

    def post_login(self, request: HttpRequest, user: User, **given: Any) -> Any:
        response = super().post_login(request, user, **given)
        doors.remember(response, user, secure=settings.SESSION_COOKIE_SECURE)
        return response

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGNING.is_open)

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """Applies to password and social sign-up alike."""
        if is_reserved(username):
            raise self.validation_error("username_blacklisted")
        return str(super().clean_username(username, shallow))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Writes the mail for a worker to send. Links lead to SITE_URL, whatever host the request named."""
        told = {name: _at_home(value) if name.endswith("_url") else value for name, value in context.items()}
        given = {"request": self.request, "email": email, "current_site": _HERE, **told}
        message = self.render_mail(template_prefix, email, given)
        outbox.write(template_prefix.rpartition("/")[2], email, message.subject, str(message.body))

    def format_email_subject(self, subject: str) -> str:
        """Subjects in sentence case."""
        return str(super().format_email_subject(subject.capitalize()))

    def get_login_stages(self) -> list[str]:
        """Replaces allauth's stage that asks for a verified address by ours."""
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
    """A person who signed up verifies the address first. One whom a maintainer added needs no address."""

    def handle(self) -> Any:
        user = self.login.user  # None where somebody signs up with an address that is known already
        if user is not None and user.vouched and not user.email:
            return None, True
        return super().handle()


def _joined(user: User) -> User:
    """Nobody vouches for a person who signs up: their first comment waits for a moderator."""
    user.vouched = False
    user.save(update_fields=["vouched"])
    journal.record("person.joined", "person", str(user.pk), user)
    return user
