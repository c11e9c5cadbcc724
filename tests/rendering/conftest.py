from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client, override_settings

from nplusone_guard.guard import watch
from tests.corpus.data import populate
from tests.rendering.marks import HERE


def engine(**options):
    return {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "OPTIONS": {
            "libraries": {"shelf": "tests.rendering.library"},
            "context_processors": ["django.template.context_processors.request"],
            **options,
        },
    }


def jinja(**options):
    return {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "NAME": "jinja",
        "DIRS": [HERE / "jinja"],
        "OPTIONS": options,
    }


@pytest.fixture
def rendering(db):
    """Three of everything, and the routes beside this file."""
    with override_settings(ROOT_URLCONF="tests.rendering.urls", TEMPLATES=[engine(), jinja()]):
        populate(3)
        yield


@pytest.fixture
def ask(rendering):
    """Send a request, and give the report of what it did."""
    client = Client()

    def send(path):
        cache.clear()
        with watch("test") as recording:
            response = client.get(path)
        assert response.status_code == 200, response.content
        assert recording.report.internal_errors == ()
        return recording.report

    return send
