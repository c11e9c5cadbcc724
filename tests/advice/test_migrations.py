"""Data migrations, which have models of their own: those of their state, got by name."""

from __future__ import annotations

import sys

import pytest
from django.apps import apps
from django.db.migrations.state import ProjectState

from nplusone_guard.guard import watch
from tests.advice.following import load
from tests.corpus.data import populate

pytestmark = pytest.mark.django_db

MIGRATION = """
from django.db import migrations


def rows_of(model):
    return model.objects.order_by("pk")


def forwards(apps, schema_editor):
    F = apps.get_model("corpus", "Entry")
    A = apps.get_model("corpus", "Author")
    {loop}


class Migration(migrations.Migration):
    operations = [migrations.RunPython(forwards)]
"""

LOOP = MIGRATION[: MIGRATION.index("{loop}")].count("\n") + 1


def advice_on(folder, monkeypatch, name, loop):
    """The advice on the one finding of a migration; ``None`` where it has none."""
    module = load(folder, name, MIGRATION.format(loop=loop), monkeypatch)
    populate(3)
    with watch() as recording:
        module.forwards(ProjectState.from_apps(apps).apps, None)
    report = recording.report
    assert (report.internal_errors, len(report.findings) < 2) == ((), True)
    return report.findings[0].advice if report.findings else None


ROWS = {
    "a_manager": "F.objects.all()",
    "a_function": "rows_of(F)",
    "a_manager_by_name": 'getattr(F, "objects").all()',
    "a_list": "list(rows_of(F))",
}


@pytest.mark.parametrize("name", ROWS)
def test_the_fix_is_where_the_rows_are_read_and_not_where_the_model_is_got(
    name, tmp_path, monkeypatch
):
    loop = f"[one.author.name for one in {ROWS[name]}]"
    advice = advice_on(tmp_path, monkeypatch, f"looping_over_{name}", loop)
    where = f"looping_over_{name}.py:{LOOP}"
    assert advice.text.startswith(f'add .select_related("author") to the queryset at {where}')


@pytest.mark.parametrize("name", ["a_manager", "a_function", "a_manager_by_name"])
def test_rows_that_are_joined_are_healthy(name, tmp_path, monkeypatch):
    loop = f'[one.author.name for one in {ROWS[name]}.select_related("author")]'
    assert advice_on(tmp_path, monkeypatch, f"joining_{name}", loop) is None


def test_no_edit_imports_a_model_as_it_is_today(tmp_path, monkeypatch):
    loop = 'list(list(one.entries.filter(slug="x")) for one in A.objects.all())'
    advice = advice_on(tmp_path, monkeypatch, "importing_migration", loop)
    named = [one for one in advice.options if "queryset=Entry." in one.expression]
    assert named or sys.version_info < (3, 11)  # without columns it is another option
    assert not [step for one in named for step in one.steps]
    assert not [line for one in advice.options for line in one.imports if "corpus" in line]


def test_rows_of_each_by_the_prefetch_is_healthy(tmp_path, monkeypatch):
    loop = 'list(one.entries.all() for one in A.objects.prefetch_related("entries"))'
    assert advice_on(tmp_path, monkeypatch, "prefetching_migration", loop) is None
