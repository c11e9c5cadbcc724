from __future__ import annotations

import pytest
from django.test import Client, override_settings

from nplusone_guard.guard import watch
from tests.frameworks.shop.data import populate

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": ["tests/frameworks/shop/templates"],
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
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "tests.frameworks.shop.middleware.passing",
    "tests.frameworks.shop.middleware.Passing",
]


@pytest.fixture
def shop(db):
    """Three orders, and the routes of the shop."""
    with override_settings(
        ROOT_URLCONF="tests.frameworks.shop.urls", TEMPLATES=TEMPLATES, MIDDLEWARE=MIDDLEWARE
    ):
        populate(3)
        yield


@pytest.fixture
def ask(shop):
    """Send a request, and give the report of what it did."""
    client = Client()

    def send(path, data=None, method="get", status=200, **kwargs):
        with watch("test") as recording:
            response = getattr(client, method)(path, data, **kwargs)
        assert response.status_code == status, response.content
        return recording.report

    send.client = client
    return send
