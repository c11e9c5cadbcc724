"""The rows of serializers, forms and the admin in the landmark table."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nplusone_guard.capture import landmarks
from nplusone_guard.capture.landmarks import admin, forms, serializers
from tests.frameworks.places import found

ROWS = {**serializers.SPOTS, **admin.SPOTS, **forms.SPOTS, **forms.KEYS, **forms.READERS}

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ROWS)
def test_every_version_has_the_row(name):
    assert landmarks.find_code(name) is not None


def test_rows_are_in_the_table():
    assert landmarks.SPOTS.keys() >= {**serializers.SPOTS, **admin.SPOTS, **forms.SPOTS}.keys()
    assert landmarks.KEYED.keys() >= forms.KEYS.keys()
    assert landmarks.LANDMARKS.keys() >= forms.READERS.keys()


def test_what_a_project_does_not_use_is_not_imported_for_it():
    script = """
import sys, django
from django.conf import settings
settings.configure(INSTALLED_APPS=["nplusone_guard"], DATABASES={})
django.setup()
from nplusone_guard import watch
with watch("x"):
    pass
from nplusone_guard.capture import landmarks
assert landmarks.missing is not None
print([name for name in ("rest_framework", "django.contrib.admin") if name in sys.modules])
import rest_framework.serializers
from nplusone_guard.capture import callpath
code = rest_framework.serializers.Serializer.to_representation.__code__
print(callpath._marks[code].spot is not None)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["[]", "True"]


@pytest.mark.parametrize(
    ("module", "function", "path"),
    [
        (serializers, "_field_spot", "/api/orders/?as=NestedSerializer"),
        (serializers, "_list_spot", "/api/orders/?as=NestedSerializer"),
        (admin, "_make", "/looping/shop/customer/"),
        (forms, "_make", "/form/?as=RadioForm&in=form"),
    ],
)
def test_a_fault_costs_the_name_and_nothing_else(
    admin_client, ask, monkeypatch, module, function, path
):
    ask.client.cookies = admin_client.cookies

    def broken(*args, **kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr(module, function, broken)
    if module is forms:
        module._known.clear()
    report = ask(path)
    assert report.query_count > 6
    assert found(report)
