"""How accounts come to be and are entered: what is ours of django-allauth's ways."""

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
        """In the place of a limit for each name, by which anybody kept anybody out."""
        self._login_failed_rl_usage = ratelimit.consume(
            request, app="allauth.account", action="login_failed", config={"login_failed": "10/m/ip"}
        )
        if not self._login_failed_rl_usage:
            raise self.validation_error("too_many_login_attempts")
        try:
            self._knock = doors.knock(request, credentials.get("username") or credentials.get("email", ""))
        except doors.Refused as error:
            raise ValidationError(str(error)) from None

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """By a mail address only once it was proved: whoever signed up with somebody's could tell by it that nobody
        had an account with it before."""
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
        """However somebody comes in, by the form or from another site."""
        if is_reserved(username):
            raise self.validation_error("username_blacklisted")
        return super().clean_username(username, shallow)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Written for a worker to send. Its links lead to where the site is, whatever host the request named."""
        told = {name: _at_home(value) if name.endswith("_url") else value for name, value in context.items()}
        given = {"request": self.request, "email": email, "current_site": _HERE, **told}
        message = self.render_mail(template_prefix, email, given)
        outbox.write(template_prefix.rpartition("/")[2], email, message.subject, str(message.body))

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
