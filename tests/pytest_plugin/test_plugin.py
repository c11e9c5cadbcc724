"""The plugin changes nothing, and imports nothing, until it is asked."""

from __future__ import annotations

import re

from tests.pytest_plugin.conftest import section

SPY = """
    import sys

    def pytest_unconfigure(config):
        heavy = {"django", "sqlparse", "wrapt", "asgiref", "nplusone_guard"}
        print("heavy:", sorted(heavy & set(sys.modules)))
        print("own:", [name for name in sorted(sys.modules) if "nplusone" in name])
    """
#: Each further one costs every pytest run of the environment its time.
OWN = [
    "pytest_nplusone_guard",
    "pytest_nplusone_guard.declarations",
    "pytest_nplusone_guard.fixtures",
    "pytest_nplusone_guard.plugin",
]


def test_nothing_heavy_is_imported(sample):
    sample.write(**{"conftest.py": SPY})
    sample.pytester.makeini("[pytest]\naddopts = --strict-markers\n")
    result = sample.run("def test_nothing(): pass", "-p", "no:django")
    result.assert_outcomes(passed=1)
    assert [line for line in result.outlines if line.startswith(("heavy:", "own:"))] == [
        "heavy: []",
        f"own: {OWN}",
    ]


def test_the_guard_is_not_imported_with_django(sample):
    sample.write(
        **{
            "conftest.py": """
        import sys

        def pytest_unconfigure(config):
            print("loaded:", sorted(m for m in sys.modules if m.startswith("nplusone_guard")))
        """
        }
    )
    result = sample.run(
        """
        import pytest
        from shelf.models import Book

        @pytest.mark.django_db
        def test_it(client, django_assert_num_queries):
            with django_assert_num_queries(1):
                Book.objects.count()
        """
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["loaded: [[]]"])


def test_without_pytest_django(sample):
    sample.write(
        **{
            "conftest.py": """
        import os
        import django

        os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
        django.setup()
        """
        }
    )
    sample.pytester.makeini("[pytest]\npythonpath = .\n")
    result = sample.run(
        """
        import pytest
        from django.test import TestCase
        from shelf.data import make_books
        from shelf.models import Book

        def test_budget(assert_max_queries):
            with assert_max_queries(0):
                pass

        @pytest.mark.max_queries(0)
        def test_marker():
            pass

        def test_report(nplusone_watch):
            with nplusone_watch() as report:
                pass
            assert report.query_count == 0

        def test_decorator(assert_max_queries):
            @assert_max_queries(0)
            def function():
                return 5

            assert function() == 5
        """,
        "-p",
        "no:django",
    )
    result.assert_outcomes(passed=4)


def test_the_fixtures_are_described(sample):
    result = sample.run("", "--fixtures")
    text = section(result, "fixtures defined from pytest_nplusone_guard.fixtures")
    described = re.findall(r"^(\w+) \[session scope\] -- .*\n    (.*)$", text, re.MULTILINE)
    assert described == [
        ("assert_max_queries", "A block keeps to its query budget."),
        ("assert_constant_queries", "The queries of a function do not grow with its rows."),
        (
            "aassert_constant_queries",
            "The queries of a function do not grow with its rows, for async tests.",
        ),
        ("nplusone_watch", "A report of the queries of a block and of its loops."),
    ]
