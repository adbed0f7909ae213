"""Settings of the portal, read from the environment; docs/portal.md lists the variables.

``PARLURE_PORTAL`` names the folder that holds everything the portal keeps. Without ``PORTAL_DEMO=1`` it starts as a
service facing the world: no debug pages, cookies over HTTPS only, and a ``SECRET_KEY`` that must be given.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.contrib.messages import constants as message_levels
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

env = environ.Env()
BASE = Path(__file__).resolve().parent

PORTAL = Path(env.str("PARLURE_PORTAL", "portal")).expanduser().resolve()
"""Folder of the database (SQLite), the uploads and the vault."""
VAULT = PORTAL / "vault"
"""Intake folder of the pipeline, written by ``export_consented``."""
RELEASES = PORTAL / "releases"
KEY_FILE = Path(env.str("PARLURE_KEY", str(PORTAL.parent / f"{PORTAL.name}-key" / "portal.key"))).expanduser()
"""Pseudonymisation key (``python -m collection.keys``), kept outside the data."""

DEMO = env.bool("PORTAL_DEMO", False)
"""On the teacher's own laptop, over plain HTTP, with accounts whose passwords everybody knows."""
DEBUG = False
SECRET_KEY = env.str("SECRET_KEY", "only-for-the-demonstration-" * 2) if DEMO else env.str("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"] if DEMO else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "collection.web.accounts",
    "collection.web.classes",
    "collection.web.consents",
    "collection.web.recordings",
    "collection.web.releases",
    "collection.web.rating",
    "collection.web.audit",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "axes",
    "csp",
    "widget_tweaks",
    "dsfr",
    "django.forms",  # after dsfr, which has the State's radio buttons
    "django_tasks",
    "django_tasks_db",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "collection.web.middleware.private_pages",
    "collection.web.middleware.known_methods",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "collection.web.urls"
WSGI_APPLICATION = "collection.web.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "collection.web.context.portal",
            ],
            "libraries": {"portal_words": "collection.web.words"},
        },
    },
]

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{PORTAL / 'portal.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Writers queue up instead of failing, and readers never wait for them.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
else:
    # A thread keeps its connection for the next request, and asks first whether it still holds.
    DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}


def bucket_storage(bucket: str, endpoint: str = "") -> dict[str, Any]:
    """Return how files are kept in a bucket of S3, at Amazon's or at ``endpoint``."""
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": endpoint or None,
            "default_acl": None,
            # Every name is ours and never given twice: a step that is done again after a crash replaces its own file.
            "file_overwrite": True,
        },
    }


if S3_BUCKET := env.str("S3_BUCKET", ""):
    STORAGES["default"] = bucket_storage(S3_BUCKET, env.str("S3_ENDPOINT", ""))
MEDIA_ROOT = PORTAL / "media"
"""Never served as such: a view asks consent before it reads from here."""
FILE_UPLOAD_PERMISSIONS = 0o600
UPLOAD_DAYS = env.int("UPLOAD_DAYS", 7)
"""Days in which an interrupted upload may be gone on with."""
UPLOADS_PER_HOUR = env.int("UPLOADS_PER_HOUR", 1_500)
"""Uploads one account may begin in an hour: thirty pupils who record twenty texts each, with room to spare."""
UPLOAD_PATIENCE = env.float("UPLOAD_PATIENCE", 60.0)
"""Seconds to wait for the next byte of an upload before its line is given up."""
CLASS_LISTENER = env.str("CLASS_LISTENER", "collection.hearing.sphinx:listener")
CLASS_LISTENER_MODEL = env.str("CLASS_LISTENER_MODEL", "") or None
"""What follows the reading list in the recording of a whole class, see ``collection.classes.class_recording``."""
RELEASE_K = env.int("RELEASE_K", 5)
"""Learners that must share a combination of demographics in a release; smaller groups are hidden."""
RELEASE_FOUR_EYES = env.bool("RELEASE_FOUR_EYES", True)
"""Whether another steward than the one who proposed a release approves it, where there is another."""
RELEASE_TARGETS = env.list("RELEASE_TARGETS", default=[])
"""Places that releases may be published to (``hf://datasets/ORG``, ``s3://BUCKET/PREFIX``, ``file:///FOLDER``)."""
RELEASE_PRIVACY = Path(env.str("RELEASE_PRIVACY", str(PORTAL / "privacy"))).expanduser()
"""Folder of what disguises were measured to be worth: ``TRANSFORM.json``, written by ``eval.privacy``."""
RELEASE_WORKERS = env.int("RELEASE_WORKERS", 0)
"""Processes a build works with beside the worker's own; 0: none."""
STATIC_URL = "static/"
STATIC_ROOT = PORTAL / "static"
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [BASE / "static"]
WHITENOISE_ALLOW_ALL_ORIGINS = False
FRONTEND = BASE / "frontend" / "node_modules"
"""Front-end packages, from npm at set-up."""
STATICFILES_DIRS += [
    (name, FRONTEND / name / "dist")
    for name in ("tus-js-client", "wavesurfer.js")
    if (FRONTEND / name / "dist").is_dir()
]

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "collection.web.accounts.passwords.NoWordsOfTheSchool"},
]
LOGIN_URL = reverse_lazy("login")
LOGIN_REDIRECT_URL = reverse_lazy("home")
LOGOUT_REDIRECT_URL = reverse_lazy("login")
AXES_FAILURE_LIMIT = "collection.web.consents.links.failure_limit"  # 5 passwords, 20 codes
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "accounts/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code"]
AXES_VERBOSE = False

OIDC_ISSUER = env.str("OIDC_ISSUER", "")
"""Address of the identity provider (``https://…``); empty: local accounts only."""
OIDC_ID = env.str("OIDC_ID", "etablissement")
"""Name of the provider in our addresses; give another one when the issuer changes, its ``sub`` are others."""
OIDC_NAME = env.str("OIDC_NAME", "")
"""What the button of the provider says; empty: the school."""
OIDC_TRUST_EMAIL = env.bool("OIDC_TRUST_EMAIL", False)
"""The provider vouches for every address, though it sends no ``email_verified``."""
if OIDC_ISSUER and not DEMO and not OIDC_ISSUER.startswith("https://"):
    raise ImproperlyConfigured("OIDC_ISSUER must begin with https://: the answers of the provider decide who comes in.")
SOCIALACCOUNT_ADAPTER = "collection.web.accounts.oidc.Adapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, Any]] = {}
ACCOUNT_EMAIL_VERIFICATION = "none"
if OIDC_ISSUER:
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "SCOPE": env.list("OIDC_SCOPE", default=["openid", "email"]),
        "APPS": [
            {
                "provider_id": OIDC_ID,
                "name": OIDC_NAME or OIDC_ID,
                "client_id": env.str("OIDC_CLIENT_ID"),
                "secret": env.str("OIDC_CLIENT_SECRET"),
                "settings": {"server_url": OIDC_ISSUER},
            }
        ],
    }

SESSION_COOKIE_AGE = int(timedelta(hours=10).total_seconds())
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if not DEMO:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
    SECURE_SSL_REDIRECT = env.bool("SSL_REDIRECT", True)
    SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds())
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    if env.bool("BEHIND_PROXY", True):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "media-src": [SELF, "blob:"],
        "worker-src": [SELF],
        "manifest-src": [SELF],
        # Chromium asks this rule for the redirects of a form too.
        "form-action": [SELF, *env.list("OIDC_ORIGINS", default=[OIDC_ISSUER] if OIDC_ISSUER else [])],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

PORTAL_URL = env.str("PORTAL_URL", "http://localhost:8000" if DEMO else "")
"""Where families find the portal, for links in messages and on paper; empty: where a request came to."""
vars().update(env.email("EMAIL_URL", default="dummymail://"))
MAIL_WORKS = bool(env.str("EMAIL_URL", ""))
"""Whether messages leave; where they do not, teachers print codes or write from their own mail program."""
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", "ne-pas-repondre@localhost")
EMAIL_TIMEOUT = 10

LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", "Français"), ("en", "English")]
"""Each in its own words: who looks for a language reads it."""
FAMILY_LANGUAGE = env.str("FAMILY_LANGUAGE", "fr")
"""Language of paper and of messages to families, whoever sends them; pages follow each reader's own choice."""
LOCALE_PATHS = [BASE / "locale"]
FORMAT_MODULE_PATH = ["collection.web.formats"]
LANGUAGE_COOKIE_AGE = int(timedelta(days=365).total_seconds())
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = not DEMO
TIME_ZONE = "Europe/Paris"
USE_TZ = True
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
DSFR_MARK_OPTIONAL_FIELDS = True
DSFR_USE_INTEGRITY_CHECKSUMS = False  # whitenoise rewrites the style sheets to name their fonts by hash
MESSAGE_TAGS = {
    message_levels.DEBUG: "info",
    message_levels.INFO: "info",
    message_levels.SUCCESS: "success",
    message_levels.WARNING: "warning",
    message_levels.ERROR: "error",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "collection.web.middleware.WithoutLinks",
            "format": "{levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"collection.web": {"level": "INFO"}},
}
