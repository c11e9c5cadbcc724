"""The wellness report as a task gives what the function gives."""

from __future__ import annotations

import pytest

from tests.example.conftest import probe


@pytest.fixture(scope="module")
def equal(tmp_path_factory):
    return probe("probe_tasks.py", f"sqlite:///{tmp_path_factory.mktemp('tasks') / 'a.sqlite3'}")


@pytest.mark.parametrize("way", ["celery", "django"])
def test_a_task_returns_the_report(equal, way):
    assert equal[way] == [True, True]
