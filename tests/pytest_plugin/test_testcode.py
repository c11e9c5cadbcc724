"""Which files are test code, and whose loops say nothing about the product."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from nplusone_guard.analysis.verdicts import Site
from pytest_nplusone_guard.testcode import TestCode

FILES = """
conftest.py
manage.py
shop/models.py
shop/views.py
shop/testing.py
shop/tests/__init__.py
shop/tests/base.py
shop/tests/test_views.py
shop/tests/utils/making.py
tests/models.py
tests/views.py
tests/test_views.py
tests/tests/helpers.py
tests/tests/test_models.py
latest/tests/plots.py
""".split()

HELPERS = {"shop/tests/base.py", "shop/tests/utils/making.py", "tests/tests/helpers.py"}
TESTS = {"conftest.py", "shop/tests/test_views.py", "tests/test_views.py"}


@pytest.fixture
def code(tmp_path):
    """A project whose app is called ``tests`` as well."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    config = SimpleNamespace(rootpath=tmp_path, getini=lambda name: ["test_*.py"])
    return TestCode(config, ())


def site(file: str, package: str = "") -> Site:
    return Site(file, 1, "function", "", package=package)


def test_what_stands_beside_tests_in_their_directory_helps_them(code, tmp_path):
    found = {name for name in FILES if str(tmp_path / name) in code}
    assert found >= HELPERS | TESTS


def test_an_app_called_tests_and_directories_without_tests_are_the_product(code, tmp_path):
    """Not ``tests/views.py`` beside ``tests/models.py``, nor ``latest/tests`` without a test."""
    names = ["tests/views.py", "tests/models.py", "latest/tests/plots.py", "shop/testing.py"]
    assert [name for name in names if str(tmp_path / name) in code] == []


def test_files_outside_of_the_project_and_without_a_directory_are_no_tests(code, tmp_path):
    assert str(tmp_path.parent / "tests" / "base.py") not in code
    assert str(tmp_path / "gone" / "tests" / "base.py") not in code
    assert "<template>" not in code


def test_a_package_that_only_tests_call_loops_for_them(code, tmp_path):
    test, view = site(str(tmp_path / "conftest.py")), site(str(tmp_path / "shop/views.py"))
    loop = site("/site-packages/taggit/managers.py", "taggit")
    assert code.why(None, "", loop, [test]) == "test code calls taggit"
    assert code.why(None, "", loop, [test, view]) == ""
    assert code.why(None, "", loop, [view]) == ""


def test_a_form_of_the_product_saves_through_the_framework(code, tmp_path):
    loop = site("/site-packages/django/forms/models.py", "django")
    assert code.why(None, "", loop, [site(str(tmp_path / "conftest.py"))]) == ""
