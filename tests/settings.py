"""A Django project with two databases of one engine: ``NPLUSONE_TEST_DB=sqlite|postgres|mariadb``."""

from __future__ import annotations

import importlib.util
import os

from tests import databases

TEST_DB = os.environ.get("NPLUSONE_TEST_DB", "sqlite")
if TEST_DB not in databases.ENGINES:
    raise ValueError(f"NPLUSONE_TEST_DB={TEST_DB}: must be one of {', '.join(databases.ENGINES)}")

#: Why the engine asked for cannot be had; `conftest` skips all tests for it, or fails.
TEST_DB_MISSING = databases.missing(TEST_DB)

_engine = "sqlite" if TEST_DB_MISSING else TEST_DB
DATABASES = {
    "default": databases.django_settings(_engine, "guard"),
    "other": databases.django_settings(_engine, "guard_other"),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sites",
    "nplusone_guard",
]
if importlib.util.find_spec("tests.corpus"):
    INSTALLED_APPS.append("tests.corpus")
if importlib.util.find_spec("tests.frameworks"):
    INSTALLED_APPS.append("tests.frameworks.shop")

MIDDLEWARE: list[str] = []
ROOT_URLCONF = "tests.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]

# The tests of the admin bring the middleware and the context processors that it asks for.
SILENCED_SYSTEM_CHECKS = [f"admin.{name}" for name in "E402 E403 E404 E408 E409 E410 W411".split()]

SITE_ID = 1
USE_TZ = True
TIME_ZONE = "UTC"
SECRET_KEY = "for the tests alone"
ALLOWED_HOSTS = ["*"]
# Fast, and good enough for passwords that guard nothing.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
