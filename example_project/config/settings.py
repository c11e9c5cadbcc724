"""Settings of the example project, for development only.

Read from the environment: ``DATABASE_URL`` (default: an SQLite file beside
``manage.py``), ``DEBUG`` (default: on), ``SECRET_KEY``, ``GUARD_MODE`` and ``GUARD_SAMPLE``
(the guard's ``MODE`` and ``SAMPLE``; default: its own), ``GUARD_LOG`` (a file for a line of JSON
a report), ``CELERY_BROKER_URL``, and ``CELERY_FOLDER`` (a directory for messages and results, in
place of a broker).
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config.database_url import parse_database_url

BASE_DIR = Path(__file__).resolve().parent.parent


def _flag(name: str, default: str) -> bool:
    value = os.environ.get(name, default).strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"", "0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name}={value!r}: use 1 or 0 (true/false, yes/no, on/off).")


DEBUG = _flag("DEBUG", "1")
SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-the-example-project")
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "nplusone_guard",
    "apps.tenants",
    "apps.peoples",
    "apps.attendance",
    "apps.journal",
    "apps.y_helpdesk",
    "apps.demo",
]
if importlib.util.find_spec("rest_framework"):
    INSTALLED_APPS.append("rest_framework")

MIDDLEWARE = [
    "nplusone_guard.middleware.GuardMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

NPLUSONE_GUARD = {}
if os.environ.get("GUARD_MODE"):
    NPLUSONE_GUARD["MODE"] = os.environ["GUARD_MODE"]
if os.environ.get("GUARD_SAMPLE"):
    NPLUSONE_GUARD["SAMPLE"] = float(os.environ["GUARD_SAMPLE"])

if os.environ.get("GUARD_LOG"):
    LOGGING = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": "config.report_lines.ReportLines"}},
        "handlers": {
            "reports": {
                "class": "logging.FileHandler",
                "filename": os.environ["GUARD_LOG"],
                "formatter": "lines",
            }
        },
        "loggers": {"nplusone_guard": {"handlers": ["reports"], "level": "INFO"}},
    }

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "memory://")
CELERY_RESULT_BACKEND = os.environ.get("CELERY_RESULT_BACKEND", "cache+memory://")
if os.environ.get("CELERY_FOLDER"):
    CELERY_BROKER_URL = "filesystem://"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": os.environ["CELERY_FOLDER"],
        "data_folder_out": os.environ["CELERY_FOLDER"],
        "control_folder": os.path.join(os.environ["CELERY_FOLDER"], "control"),
        "polling_interval": 0.02,
    }
    CELERY_RESULT_BACKEND = f"file://{os.environ['CELERY_FOLDER']}"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "static/"

DATABASES = {
    "default": parse_database_url(
        os.environ.get("DATABASE_URL") or f"sqlite:///{BASE_DIR / 'example.sqlite3'}"
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "peoples.People"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
