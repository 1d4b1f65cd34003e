"""All settings, from the environment alone; safe for production unless told that this is one machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF

from config.startup import logs, sign_in_settings
from config.startup.environment import BROKER_SCHEMES, DATABASE_SCHEMES, Environment

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()
VAR = Path(env.optional("UNMIGRATABLE_VAR", r"/.+", "an absolute path", str(BASE_DIR / "var")))

MODE = env.choice("UNMIGRATABLE_MODE", ("production", "local"))
LOCAL = MODE == "local"
SECRET_KEY = env.required(
    "UNMIGRATABLE_SECRET_KEY", r"[\x21-\x7e]{50,}", "50 printable characters or more, without spaces", is_secret=True
)
_SITE = "address without a path or a slash at its end, such as https://unmigratable.example"
SITE_URL = env.optional("UNMIGRATABLE_SITE_URL", r"https?://[A-Za-z0-9.:\[\]-]+", f"an {_SITE}", "")
_HOSTS = (r"[A-Za-z0-9.,:\[\]-]+", "host names with commas between")
if LOCAL:
    ALLOWED_HOSTS = env.optional("UNMIGRATABLE_HOSTS", *_HOSTS, "localhost,127.0.0.1,[::1]").split(",")
    SITE_URL = SITE_URL or "http://127.0.0.1:8000"
else:
    ALLOWED_HOSTS = env.required("UNMIGRATABLE_HOSTS", *_HOSTS).split(",")
    SITE_URL = env.required("UNMIGRATABLE_SITE_URL", r"https://[A-Za-z0-9.:\[\]-]+", f"an https {_SITE}")
DEBUG = False
COMMIT = env.optional("UNMIGRATABLE_COMMIT", r"[0-9a-f]{7,40}", "7 to 40 hex digits", "")
LEASE_SECONDS = env.whole("UNMIGRATABLE_LEASE_SECONDS", 60, 2, 3_000)
ALIVE = env.optional("UNMIGRATABLE_ALIVE", r"/.+", "an absolute path", "")
SWEEP_SECONDS = env.whole("UNMIGRATABLE_SWEEP_SECONDS", 10, 1, 3_600)
FOLLOW_SECONDS = env.whole("UNMIGRATABLE_FOLLOW_SECONDS", 3_600, 1, 86_400)
ARCHIVE = env.optional(
    "UNMIGRATABLE_ARCHIVE",
    r"https?://[A-Za-z0-9.:\[\]-]+/(?:[\w.-]+/)*" if LOCAL else r"https://[A-Za-z0-9.:\[\]-]+/(?:[\w.-]+/)*",
    "an https address that ends with /",
    "https://lore.kernel.org/all/",
)
ARCHIVE_HOSTS = env.optional("UNMIGRATABLE_ARCHIVE_HOSTS", *_HOSTS, urlsplit(ARCHIVE).netloc).split(",")
MAIL_LIST = env.optional(
    "UNMIGRATABLE_LIST", r"[\w.+-]+@[A-Za-z0-9.-]+", "the address of a mailing list", "linux-mm@kvack.org"
)
MAIL_IN = env.optional("UNMIGRATABLE_MAIL_IN", r"[A-Za-z0-9.-]+", "a domain whose mail comes in here", "")
MAIL_AUTH = env.optional("UNMIGRATABLE_MAIL_AUTH", r"[A-Za-z0-9.-]+", "a mail server's name", "")
WEBHOOKS_TO_LOOPBACK = env.choice("UNMIGRATABLE_WEBHOOKS_TO_LOOPBACK", ("no", "yes") if LOCAL else ("no",)) == "yes"

SIGNING = sign_in_settings.read(env, SITE_URL, LOCAL, VAR)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.sitemaps",
    "rest_framework",
    "drf_spectacular",
    "django_structlog",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    *SIGNING.apps,
    "config",
    "rest",
    "people",
    "catalog",
    "reports",
    "webhooks",
    "mailing",
    "discussion",
]
MIDDLEWARE = [
    "config.middleware.health.Health",
    "config.middleware.request_log.Requests",
    "config.middleware.heads.WithoutBody",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.other_sites.OtherSites",
    "config.middleware.compression.CompressedPages",
    "config.middleware.heads.Conditional",
    "config.middleware.privacy.Private",
    "rest.bounds.limits.Headers",
    "config.middleware.content_policy.ContentPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.slashes.Slashes",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.pages.errors.NotThisWay",
    "config.middleware.expired_forms.SignedOut",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_ADAPTER = "people.accounts.sign_in.Accounts"
SOCIALACCOUNT_ADAPTER = "people.accounts.sign_in.SocialAccounts"
ACCOUNT_FORMS = {
    "add_email": "people.accounts.forms.AddAddressForm",
    "change_password": "people.accounts.forms.ChangePasswordForm",
    "login": "people.accounts.forms.SignInForm",
    "reauthenticate": "people.accounts.forms.AgainForm",
    "reset_password": "people.accounts.forms.ForgottenForm",
    "reset_password_from_key": "people.accounts.forms.NewPasswordForm",
    "set_password": "people.accounts.forms.SetPasswordForm",
    "signup": "people.accounts.forms.SignUpForm",
}
MFA_FORMS = {"authenticate": "people.accounts.forms.CodeForm", "reauthenticate": "people.accounts.forms.CodeAgainForm"}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[unmigratable] "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = urlsplit(SITE_URL).scheme
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_USERNAME_MIN_LENGTH = 2
ACCOUNT_USERNAME_BLACKLIST = [
    *("admin", "administrator", "editor", "maintainer", "moderator", "root", "site", "staff", "support", "system"),
    *("unmigratable", "new"),
]
# people.accounts.doors counts wrong passwords; people.accounts.outbox bounds mail to one address, without a word.
ACCOUNT_RATE_LIMITS = {"reset_password": "20/m/ip"}
ACCOUNT_EMAIL_NOTIFICATIONS = SIGNING.sends_mail
ACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "unmigratable"
SOCIALACCOUNT_PROVIDERS = SIGNING.providers
SOCIALACCOUNT_EMAIL_VERIFICATION = "mandatory"
EMAIL_BACKEND, EMAIL_FILE_PATH = SIGNING.mail_backend, VAR / "mail"
EMAIL_HOST, EMAIL_PORT = SIGNING.mail_host, SIGNING.mail_port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = SIGNING.mail_user, SIGNING.mail_password
EMAIL_USE_SSL = SIGNING.mail_is_smtps
EMAIL_USE_TLS = bool(SIGNING.mail_host) and not (SIGNING.mail_is_smtps or SIGNING.mail_is_plain)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SERVER_EMAIL = SIGNING.mail_from
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["catalog.templatetags.shown"],
        },
    },
]

DATABASES: dict[str, Any] = {
    "default": {
        **dj_database_url.parse(env.address("DATABASE_URL", DATABASE_SCHEMES)),
        "CONN_MAX_AGE": 0,
        "ENGINE": "config.postgres",
    }
}
DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
    "min_size": 0,
    "max_size": env.whole("UNMIGRATABLE_POOL", 16, 1, 100),
    "timeout": 10,
}
# Shared by all processes: see rest.cache, and config.startup.checks, which refuses one that is not.
CACHES = {"default": {"BACKEND": "rest.cache.SharedCache", "LOCATION": "rest_cached"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CELERY_BROKER_URL = env.address("CELERY_BROKER_URL", BROKER_SCHEMES)
QUEUE = env.optional("UNMIGRATABLE_QUEUE", r"[a-z0-9-]{1,60}", "up to 60 of a to z, 0 to 9 and -", "unmigratable")

# Who says what the export in KCIDB's format says. Two sites with one origin would speak of one another's objects.
KCIDB_ORIGIN = env.optional(
    "UNMIGRATABLE_KCIDB_ORIGIN", r"[a-z0-9_]{1,60}", "up to 60 of a to z, 0 to 9 and _", "unmigratable"
)

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not LOCAL
if not LOCAL:
    # A browser takes such a name from this host alone, over TLS alone: no sister name below our domain can plant one.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = not LOCAL
SECURE_HSTS_SECONDS = 0 if LOCAL else 31_536_000
# Not unless somebody says so: it binds every name below ours, and to be taken off the browsers' list takes months.
_HSTS = env.choice("UNMIGRATABLE_HSTS", ("host", "subdomains", "preload"))
SECURE_HSTS_INCLUDE_SUBDOMAINS = not LOCAL and _HSTS != "host"
SECURE_HSTS_PRELOAD = not LOCAL and _HSTS == "preload"
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # the two above
SECURE_PROXY_SSL_HEADER: tuple[str, str] | None = None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [SITE_URL]
CSRF_FAILURE_VIEW = "config.pages.errors.forged"
TRUSTED_PROXIES = 0
if env.choice("UNMIGRATABLE_BEHIND_TLS_PROXY", ("no", "yes")) == "yes":
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    TRUSTED_PROXIES = env.whole("UNMIGRATABLE_PROXIES", 1, 1, 9)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 << 20
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF, *SIGNING.origins],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "people.access.authentication.BearerToken",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_THROTTLE_CLASSES": ["rest.bounds.limits.Throttle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "rest.negotiation.Negotiation",
    "DEFAULT_PARSER_CLASSES": ["rest.bounds.json_parser.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "rest.problems.handle",
    "URL_FORMAT_OVERRIDE": None,  # ?format= is the format of a report
}
# Name: units in so many seconds, for each machine, person or address. See rest.bounds.limits.
LIMITS = env.limits(
    "UNMIGRATABLE_LIMITS",
    {
        "send": (6_000, 60),
        "batch": (60, 60),
        # Of all machines of one person together that nobody trusts yet. The last two: reports.intake.quotas.
        "new-send": (600, 60),
        "new-batch": (6, 60),
        "new-bytes": (10_000_000, 86_400),
        "new-rejected": (1_000, 86_400),
        "read": (1_200, 60),
        "page": (1_200, 60),
        "search": (120, 60),
        "export": (30, 60),
        "diagnose": (60, 60),
        "sign-in": (20, 300),
        "share": (20, 3_600),
        "write": (600, 300),
    },
)
# Name: after how many days it goes; 0 is never. See config.pruning and docs/operations.md.
KEEP_DAYS = env.days(
    "UNMIGRATABLE_KEEP_DAYS",
    {
        "refused": 30,
        "refused-bytes": 90,
        "shares-waiting": 30,
        "shares": 90,
        "results": 30,
        "notices": 90,
        "mails": 30,
        "deliveries": 30,
        "sessions": 1,
        "accounts": 30,
        "words": 1,
    },
)
SPECTACULAR_SETTINGS = {
    "TITLE": "unmigratable",
    "DESCRIPTION": "The known ways in which movable kernel memory becomes unmigratable, and what was measured of them.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "OAS_VERSION": "3.1.1",
    "POSTPROCESSING_HOOKS": ["rest.document.openapi.finished"],
    "SERVERS": [{"url": SITE_URL}],
    "CONTACT": {"name": "The maintainers", "url": f"{SITE_URL}/api/"},
    "LICENSE": {"name": "CC-BY-4.0", "url": "https://creativecommons.org/licenses/by/4.0/"},
}

LOG_AS_JSON = env.choice("UNMIGRATABLE_LOG", ("plain", "json") if LOCAL else ("json", "plain")) == "json"
LOGGING = logs.settings(LOG_AS_JSON)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# A client may write what it likes there; our own proxy overwrites it.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = TRUSTED_PROXIES > 0
# Who it was is not for the log: the journal keeps what people did.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_USER_ID_FIELD = None
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = 10
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = 20
