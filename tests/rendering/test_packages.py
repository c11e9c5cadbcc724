"""Installed packages: the user's line is the site, and theirs the loop, unless left out."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from django.test import Client, override_settings

from nplusone_guard.capture import codes
from nplusone_guard.guard import watch
from nplusone_guard.policy import Policy
from nplusone_guard.report.text import render
from tests.corpus import models as m
from tests.corpus.data import populate
from tests.rendering.conftest import engine
from tests.rendering.marks import found

pytestmark = pytest.mark.django_db

TABLES = """
def table(rows, value):
    cells = []
    for row in rows:
        cells.append(value(row))
    return cells


def names(rows):
    return [row.author.name for row in rows]


def same(rows):
    return [type(row).objects.filter(slug=row.slug).count() for row in rows]


def loaded_names(load):
    return [row.author.name for row in load()]


def count_of(author):
    return author.entries.count()


def counts(author):
    return [count_of(author) + each for each in [count_of(author)]]


class Counting:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        from tests.corpus.models import Entry

        request.same = same(Entry.objects.order_by("pk"))
        return self.get_response(request)
"""

MENU = """{% for entry in entries %}
{{ entry.author.name }}
{% endfor %}
"""


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A package that is installed, in a directory of its own."""
    root = tmp_path / "site-packages"
    package = root / "shop_tables"
    (package / "templates").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "tables.py").write_text(TABLES)
    (package / "templates" / "menu.html").write_text(MENU)
    monkeypatch.setattr(codes, "LIBRARY_ROOTS", (*codes.LIBRARY_ROOTS, f"{root}/"))
    monkeypatch.syspath_prepend(root)
    populate(3)
    yield importlib.import_module("shop_tables.tables")
    for name in ("shop_tables", "shop_tables.tables"):
        sys.modules.pop(name)


def report_of(tables, policy=None):
    def author(entry):
        return entry.author.name

    with watch("tables", policy=policy) as recording:
        tables.table(m.Entry.objects.all(), author)
    return recording.report


def test_loop_of_a_package_around_code_of_the_user(tables):
    (finding,) = report_of(tables).findings
    assert finding.site.function.endswith("author")
    assert not finding.site.package
    assert (finding.loop.package, finding.loop.line) == ("shop_tables", 4)
    text = render(report_of(tables))
    assert "   loop    shop_tables/tables.py:4" in text
    assert "(in package shop_tables) for row in rows:" in text


def test_loop_of_a_package_around_code_of_the_user_healthy(tables):
    with watch() as recording:
        tables.table(m.Entry.objects.select_related("author"), lambda entry: entry.author.name)
    assert not recording.report.findings


def test_package_that_sends_the_queries_itself(tables):
    """The user's line is the call: it is what the user can change."""
    with watch() as recording:
        tables.names(m.Entry.objects.all())
    (finding,) = recording.report.findings
    assert finding.site.file == __file__
    assert "tables.names(" in finding.site.source
    assert (finding.loop.package, finding.loop.line) == ("shop_tables", 10)


def test_package_that_sends_the_queries_itself_healthy(tables):
    with watch() as recording:
        tables.names(m.Entry.objects.select_related("author"))
    assert not recording.report.findings


@pytest.mark.parametrize("policy", [Policy(), Policy(exclude=frozenset({"shop_tables"}))])
def test_comprehension_of_a_package_that_loads_on_its_own_line(tables, policy):
    with watch(policy=policy) as recording:
        tables.loaded_names(m.Entry.objects.order_by("pk").all)
    (told,) = recording.report.cleared if policy.exclude else recording.report.findings
    assert (told.site.file, told.count) == (__file__, 3)
    place = (told.loop.kind, told.loop.package, told.loop.line)
    assert place == ("comprehension", "shop_tables", 18)


def test_comprehension_of_a_package_that_loads_on_its_own_line_healthy(tables):
    with watch() as recording:
        tables.loaded_names(m.Entry.objects.select_related("author").all)
        tables.counts(m.Author.objects.first())
    assert recording.query_count == 4
    assert not recording.report.findings


def test_user_loop_around_a_package(tables):
    """Whatever is left out, a loop of the user's counts."""
    with watch(policy=Policy(exclude=frozenset({"shop_tables"}))) as recording:
        for entry in m.Entry.objects.all():
            tables.table([entry], lambda one: one.author.name)
    (finding,) = recording.report.findings
    assert not finding.loop.package


def middleware_report(**guard):
    with (
        override_settings(
            ROOT_URLCONF="tests.rendering.urls",
            TEMPLATES=[engine()],
            MIDDLEWARE=["shop_tables.tables.Counting"],
            NPLUSONE_GUARD=guard,
        ),
        watch("test") as recording,
    ):
        assert Client().get("/page/empty/").status_code == 200
    return recording.report


@pytest.mark.parametrize("setting", [{}, {"INCLUDE": ["shop_tables"]}])
def test_middleware_of_a_package(tables, setting):
    (finding,) = middleware_report(**setting).findings
    assert (finding.site.package, Path(finding.site.file).name) == ("shop_tables", "tables.py")
    assert (finding.loop.package, finding.loop.line) == ("shop_tables", 14)


def test_advice_for_what_a_package_does_by_itself_is_no_edit_of_the_package(tables):
    (finding,) = middleware_report().findings
    assert finding.advice.text == (
        "no code of the project asks: override or configure what shop_tables does at "
        "tables.py:14, or leave it out (EXCLUDE); its own code would have to ask Entry once "
        "before the loop, grouped by the values that change, and look them up"
    )
    assert not any(option.steps for option in finding.advice.options)


def test_advice_for_a_package_that_is_called_changes_what_the_project_gives_it(tables):
    with watch() as recording:
        tables.names(m.Entry.objects.all())
    (option, *_) = recording.report.findings[0].advice.options
    (step,) = option.steps
    assert (step.file, step.old) == (__file__, "m.Entry.objects.all()")


@pytest.mark.parametrize("setting", [{"EXCLUDE": ["shop_tables"]}, {"INCLUDE": ["other"]}])
def test_middleware_of_a_package_left_out_by_the_settings(tables, setting):
    report = middleware_report(**setting)
    assert not report.findings
    assert [one.detail for one in report.cleared] == [
        "settings: the loop is in package shop_tables"
    ]


@pytest.mark.parametrize(
    ("policy", "counts"),
    [
        (Policy(), True),
        (Policy(include=frozenset({"shop_tables"})), True),
        (Policy(include=frozenset({"shop_tables.tables"})), True),
        (Policy(include=frozenset({"other"})), False),
        (Policy(include=frozenset({"shop"})), False),
        (Policy(include=frozenset()), False),
        (Policy(exclude=frozenset({"shop_tables"})), False),
        (Policy(exclude=frozenset({"shop_tables.tables"})), False),
        (Policy(exclude=frozenset({"shop_tables.views"})), True),
    ],
)
def test_packages_that_count(tables, policy, counts):
    report = report_of(tables, policy)
    assert bool(report.findings) == counts
    reasons = [(one.reason, one.detail) for one in report.cleared]
    left_out = ("ignored", "settings: the loop is in package shop_tables")
    assert reasons == ([] if counts else [left_out])


def test_template_of_a_package(tables, rf):
    """Its tags are no place of the user's: that is the line which rendered it."""
    from django.shortcuts import render as render_template

    folder = Path(tables.__file__).parent / "templates"
    with override_settings(TEMPLATES=[{**engine(), "DIRS": [folder]}]), watch() as recording:
        render_template(rf.get("/"), "menu.html", {"entries": m.Entry.objects.all()})
    (finding,) = recording.report.findings
    assert finding.site.file == __file__
    assert (finding.loop.function, finding.loop.line, finding.loop.package) == (
        "{% for entry in entries %}",
        1,
        "shop_tables",
    )


def test_template_of_a_package_healthy(tables, rf):
    from django.shortcuts import render as render_template

    folder = Path(tables.__file__).parent / "templates"
    entries = m.Entry.objects.select_related("author")
    with override_settings(TEMPLATES=[{**engine(), "DIRS": [folder]}]), watch() as recording:
        render_template(rf.get("/"), "menu.html", {"entries": entries})
    assert found(recording.report) == set()
