"""The engine under test, Hypothesis's profiles, and what every test may count on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import django
import pytest
from django.conf import settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from nplusone_guard.report.shown import Shown, show_as
from tests import services

#: Fixtures around requests, for whoever asks for them.
pytest_plugins = ["tests.webapp.fixtures"]

# No deadlines: a busy machine is not a failure. `matrix` runs everything once more on each
# Python and Django, and need not search as far each time.
for _profile, _examples in {"dev": 100, "ci": 100, "matrix": 25}.items():
    hypothesis_settings.register_profile(
        _profile,
        max_examples=_examples,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture
def usual_failures() -> Iterator[None]:
    """Failures of budgets and growth as they are outside pytest, however wide its terminal."""
    undo = show_as(Shown())
    yield
    undo()


def pytest_report_header() -> str:
    return f"django: {django.get_version()}, database: {settings.TEST_DB}"


#: Tests that wait for servers, workers and threads, which on a busy machine can be late.
WAITING = ("concurrency", "example", "integrations", "test_middleware_")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("CI"):
        here = os.path.dirname(__file__)
        for item in items:
            if os.path.relpath(item.path, here).startswith(WAITING):
                item.add_marker(pytest.mark.flaky(reruns=2))
    reason = settings.TEST_DB_MISSING
    if not reason:
        return
    reason = f"{settings.TEST_DB}: {reason}"
    if services.required():
        raise pytest.UsageError(f"{reason} (and NPLUSONE_REQUIRE_SERVICES=1)")
    for item in items:
        item.add_marker(pytest.mark.skip(reason=reason))
