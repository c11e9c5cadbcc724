"""An integration starts when the application imports what it is for, and never before."""

from __future__ import annotations

import types

import pytest
from celery import signals
from django.core.management import base

from nplusone_guard.integrations import loading

UNUSED = """
import sys
print([name for name in ("celery", "django_tasks", "django_tasks_db") if name in sys.modules])
"""

USED_LATER = """
from celery import signals
print([receiver.__module__ for _, receiver in signals.task_prerun.receivers])
"""


def test_what_the_application_does_not_use_is_not_imported(project):
    assert project.manage("shell", "-c", UNUSED, check=True).stdout.splitlines()[-1] == "[]"


def test_what_is_imported_after_the_start_is_connected(project):
    written = project.manage("shell", "-c", USED_LATER, check=True).stdout
    assert written.splitlines()[-1] == "['nplusone_guard.integrations.celery']"


def receivers():
    return len(signals.task_prerun.receivers), base.BaseCommand.__dict__["execute"]


def test_connecting_again_changes_nothing():
    before = receivers()
    loading.connect()
    for awaited, module in (("celery", signals), ("commands", base)):
        loading._connect(awaited, module)
    assert receivers() == before


@pytest.mark.parametrize("name", ["celery", "commands", "django_tasks", "of_nobody"])
def test_a_fault_reaches_no_import(name, caplog):
    loading._connect(name, types.ModuleType("an empty one"))
    assert f"failed in integrations.{name}" in caplog.text
