"""What a test repeats is no loop over fields, each of which an object goes through once."""

from __future__ import annotations

import pytest

from nplusone_guard.guard import watch
from nplusone_guard.policy import Policy
from tests.analysis import fields
from tests.corpus.data import populate
from tests.corpus.models import Author, Entry

pytestmark = pytest.mark.django_db

SIZE = 4


class Exempt:
    """This file, as one of tests."""

    def owns(self, file, package):
        return file == __file__

    def why(self, scope, fingerprint, loop, sites):
        return "the loop is in test code" if loop is not None and loop.file == __file__ else ""


@pytest.fixture(autouse=True)
def _rows():
    populate(SIZE)
    for entry in Entry.objects.all():
        entry.editor = Author.objects.exclude(pk=entry.author_id).first()
        entry.save()


def watched(function, *arguments):
    with watch(policy=Policy(exempt=Exempt())) as report:
        function(*arguments)
    assert report.internal_errors == ()
    return report


def of_each_row(function, *arguments):
    for row in Entry.objects.order_by("pk"):
        function(row, *arguments)


def of_two_rows(function, *arguments):
    rows = list(Entry.objects.order_by("pk"))
    for row in (rows[0], rows[1]):
        function(row, *arguments)


@pytest.mark.parametrize(("repeat", "count"), [(of_each_row, SIZE), (of_two_rows, 2)])
def test_a_relation_that_each_object_is_asked_for_once_is_the_tests_to_repeat(repeat, count):
    report = watched(repeat, fields.values_of, ["author", "blog"])
    assert report.findings == ()
    (cleared,) = report.cleared
    assert (cleared.reason, cleared.count) == ("test-code", 2 * count)
    assert cleared.loop.function == repeat.__name__


def test_related_rows_that_each_object_is_asked_for_once_are_the_tests_to_repeat():
    report = watched(of_each_row, fields.rows_of, ["tags", "chapter_set"])
    assert report.findings == ()
    (cleared,) = report.cleared
    assert (cleared.reason, cleared.count) == ("test-code", 2 * SIZE)


def test_related_rows_that_one_object_is_asked_for_again_are_a_loop_over_its_fields():
    report = watched(of_each_row, fields.tags_for, ["tags", "chapter_set"])
    (finding,) = report.findings
    assert (finding.count, finding.loop.function) == (2 * SIZE, "tags_for")
    assert report.cleared == ()


@pytest.mark.parametrize(("repeat", "count"), [(of_each_row, SIZE), (of_two_rows, 2)])
def test_two_relations_of_one_object_by_one_statement_are_a_loop_over_its_fields(repeat, count):
    report = watched(repeat, fields.values_of, ["author", "editor"])
    (finding,) = report.findings
    assert (finding.rule, finding.count) == ("lazy-relation", 2 * count)
    assert finding.loop.function == "values_of"
    assert report.cleared == ()


def test_of_the_fields_that_a_model_declares_those_of_one_statement_are_told():
    report = watched(of_each_row, fields.declared_values_of)
    (finding,) = report.findings
    assert [one.headline for one in finding.statements] == ["SELECT corpus_author"]
    assert (finding.count, finding.loop.function) == (2 * SIZE, "declared_values_of")
    (cleared,) = report.cleared
    assert (cleared.reason, cleared.loop.function) == ("test-code", "of_each_row")


def test_a_query_for_each_field_of_one_object_is_a_loop_over_fields():
    report = watched(fields.authors_of, Entry.objects.get(slug="e0"), ["author", "editor"])
    (finding,) = report.findings
    assert (finding.rule, finding.count, finding.loop.function) == (
        "query-in-loop",
        2,
        "authors_of",
    )


def test_the_loop_over_rows_of_the_product_is_told():
    report = watched(fields.values_of_all, ["author", "blog"])
    (finding,) = report.findings
    assert (finding.count, finding.loop.function) == (2 * SIZE, "values_of_all")


def test_the_order_of_the_fields_names_no_other_finding():
    """A set of names has another order in each process."""
    ids = {
        watched(fields.values_of_all, names).findings[0].id
        for names in (["author", "blog"], ["blog", "author"])
    }
    assert len(ids) == 1


def test_another_loop_names_another_finding():
    ids = {
        watched(function, *arguments).findings[0].id
        for function, *arguments in (
            (fields.values_of_all, ["author", "editor"]),
            (of_each_row, fields.values_of, ["author", "editor"]),
        )
    }
    assert len(ids) == 2
