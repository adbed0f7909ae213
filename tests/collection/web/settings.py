"""Settings of the portal's tests: a folder of their own, and passwords that hash in no time."""

import os
import tempfile

os.environ.setdefault("PARLURE_PORTAL", tempfile.mkdtemp(prefix="parlure-portal-"))
os.environ.setdefault("SECRET_KEY", "the-tests-keep-no-secret-" * 3)
os.environ.setdefault("SSL_REDIRECT", "0")
os.environ.setdefault("ALLOWED_HOSTS", "testserver,localhost,127.0.0.1")

from collection.web.settings import *  # noqa: F403
from collection.web.settings import STATIC_ROOT, STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Browsers of the tests come over plain HTTP.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "session", "csrf"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
