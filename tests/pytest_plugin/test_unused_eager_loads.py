"""What is loaded eagerly is judged when all tests have run, over all of them."""

from __future__ import annotations

import json

import pytest

from tests.pytest_plugin.conftest import FILES
from tests.pytest_plugin.suite import CI_VARIABLES
from tests.pytest_plugin.workers import needs_xdist

RULE = "unused-eager-load"
OTHERS = ["lazy-relation", "query-in-loop"]
SETTINGS = (
    FILES["settings.py"].rstrip()
    + f"""
        NPLUSONE_GUARD = {{"SELECT": {[*OTHERS, RULE]}}}
        """
)

SHOP = """
    from shelf.models import Book

    def authors(read):
        return [book.author.name if read else book.pk for book in joined()]

    def joined():
        return Book.objects.select_related("author")
    """
TESTS = """
    import pytest
    from shelf.data import make_books
    from shelf.shop import authors
    from shelf.models import Book

    pytestmark = pytest.mark.django_db

    @pytest.fixture(autouse=True)
    def books(db):
        make_books(3)

    def test_ignores():
        authors(False)

    def test_of_its_own():
        list(Book.objects.select_related("author"))
    """
READER = """

    def test_reads():
        authors(True)
    """


@pytest.fixture
def suite(sample, monkeypatch):
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    sample.write(**{"shelf/shop.py": SHOP, "settings.py": SETTINGS})
    return sample


def run(suite, source, *options):
    """The outcome, and the rule, line and scopes of each finding."""
    result = suite.run(source, "--nplusone-report=found.json", *options)
    document = json.loads((suite.pytester.path / "found.json").read_text())
    found = [
        (
            each["finding"]["rule"],
            each["finding"]["site"]["line"],
            [one["scope"] for one in each["sightings"]],
        )
        for each in document["findings"]
    ]
    return result, found


def test_nobody_reads_it(suite):
    result, found = run(suite, TESTS, "--nplusone=report")
    result.assert_outcomes(passed=2)
    assert found == [(RULE, 4, ["test_shelf.py::test_ignores"])]
    result.stdout.fnmatch_lines(["*1 unused eager load*", '*drop select_related("author")*'])


def test_one_test_that_reads_it_is_enough(suite):
    result, found = run(suite, TESTS + READER, "--nplusone=report")
    result.assert_outcomes(passed=3)
    assert found == []


def test_a_part_of_the_tests_proves_nothing(suite):
    result, found = run(suite, TESTS + READER, "--nplusone=report", "-k", "ignores")
    result.assert_outcomes(passed=1, deselected=2)
    assert found == []


def test_it_fails_the_run_and_no_test(suite):
    result, _ = run(suite, TESTS, "--nplusone=fail")
    result.assert_outcomes(passed=2)
    assert result.ret == 1
    result.stdout.fnmatch_lines([" 1 eager load that no test reads"])


def test_a_baseline_lets_it_pass(suite):
    options = ("--nplusone=fail", "--nplusone-baseline=known.json")
    run(suite, TESTS, *options, "--nplusone-update-baseline")
    result, found = run(suite, TESTS, *options)
    assert (result.ret, len(found)) == (0, 1)


def test_off_unless_selected(suite):
    suite.write(**{"settings.py": FILES["settings.py"]})
    result, found = run(suite, TESTS, "--nplusone=fail")
    result.assert_outcomes(passed=2)
    assert found == []
    assert "eager load" not in result.stdout.str()


@needs_xdist
def test_workers_of_xdist_are_joined(suite):
    result, found = run(suite, TESTS + READER, "--nplusone=report", "-n2")
    result.assert_outcomes(passed=3)
    assert found == []
    _, found = run(suite, TESTS, "--nplusone=report", "-n2")
    assert [rule for rule, *_ in found] == [RULE]
