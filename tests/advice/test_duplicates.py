"""Equal expressions of one function: asked once, where that is before all of them and the same."""

from __future__ import annotations

import sys

import pytest
from django.db import connection

from nplusone_guard.guard import watch
from tests.corpus.data import populate
from tests.corpus.models import Author, Note

pytestmark = pytest.mark.django_db

#: Without columns (Python 3.10) a helper that is called the same every turn has no edit.
COLUMNS = sys.version_info >= (3, 11)

WORDS = "ask once and keep the answer, the same every time (a variable, cached_property)"


@pytest.fixture(autouse=True)
def _rows():
    populate(4)


def told(function, *arguments):
    """What is said of the equal queries, and before which line of the function it is put."""
    with watch() as recording:
        function(*arguments)
    assert recording.report.internal_errors == ()
    found = []
    for finding in recording.report.findings:
        assert finding.rule == "duplicate-query"
        for option in finding.advice.options:
            first = option.steps[0]
            assert first.action == "insert-before"
            found.append((first.line - function.__code__.co_firstlineno, first.new))
        if not finding.advice.options:
            found.append((0, finding.advice.text))
    return sorted(found)


def in_a_branch_and_behind_it(flag):
    found = []
    if flag:
        found.append(Author.objects.filter(slug="a0").first())
    found.append(Author.objects.filter(slug="a0").first())
    found.append(Author.objects.filter(slug="a0").first())
    return found


def test_a_branch_does_not_ask_for_what_is_behind_it():
    expected = 'author_first = Author.objects.filter(slug="a0").first()'
    assert told(in_a_branch_and_behind_it, True) == [(2, expected)]


def in_branches(flag):
    found = []
    if flag == 1:
        found.append(flag)
    elif flag == 2:
        found.append(Author.objects.filter(slug="a0").first())
        found.append(Author.objects.filter(slug="a0").first())
        found.append(Author.objects.filter(slug="a0").first())
    return found


def test_a_branch_asks_for_itself():
    expected = 'author_first = Author.objects.filter(slug="a0").first()'
    assert told(in_branches, 2) == [(5, expected)]


def in_an_elif_and_its_else(flag):
    found = []
    for number in range(3):
        if flag:
            found.append(flag)
        elif number:
            found.append(Author.objects.filter(slug="a0").first())
        else:
            found.append(Author.objects.filter(slug="a0").first())
    return found


def test_nothing_goes_before_an_elif():
    ((line, _),) = told(in_an_elif_and_its_else, 0)
    assert line in (2, 3)


def of_a_name_that_changes():
    slug = "a0"
    first = Author.objects.filter(slug=slug).first()
    slug = slug.lower()
    second = Author.objects.filter(slug=slug).first()
    return first, second, Author.objects.filter(slug=slug).first()


def test_a_name_with_another_value_is_another_question():
    assert told(of_a_name_that_changes) == [(0, WORDS)]


def of_a_name_that_stays():
    slug = "a0"
    first = Author.objects.filter(slug=slug).first()
    second = Author.objects.filter(slug=slug).first()
    return first, second, Author.objects.filter(slug=slug).first()


def test_a_name_with_one_value_is_one_question():
    expected = "author_first = Author.objects.filter(slug=slug).first()"
    assert told(of_a_name_that_stays) == [(2, expected)]


def of_rows_of_two_loops(authors):
    found = []
    for author in authors:
        found.append(Author.objects.filter(slug=author.slug).first())
        found.append(Author.objects.filter(slug=author.slug).first())
    for author in authors:
        found.append(Author.objects.filter(slug=author.slug).first())
    return found


def test_the_row_of_another_loop_is_another_name():
    authors = list(Author.objects.order_by("pk")[:1])
    assert told(of_rows_of_two_loops, authors) == [(0, WORDS)]


def of_a_relation():
    first = Author.objects.get(slug="a0").profile
    second = Author.objects.get(slug="a0").profile
    third = Author.objects.get(slug="a0").profile
    return first, second, third


def test_what_is_read_of_a_row_is_kept_and_not_its_manager():
    assert told(of_a_relation) == [
        (1, 'author = Author.objects.get(slug="a0")'),
        (1, 'profile = Author.objects.get(slug="a0").profile'),
    ]


def _counted():
    return Author.objects.filter(slug="a0").count()


def _counted_and_written():
    found = Author.objects.filter(slug="a0").count()
    kept(found)
    return found


def kept(found):
    Note.objects.filter(pk__lt=0).delete() if found > 1 else None


def of_a_helper(ask):
    return [_counted() for _ in range(3)]


def of_a_helper_that_writes(ask):
    return [_counted_and_written() for _ in range(3)]


def test_a_helper_that_asks_is_called_once():
    edited = (1, "_counted_found = _counted()")
    # Python 3.10 has no columns: which call of the line it is, nobody knows.
    assert told(of_a_helper, 0) == [edited if COLUMNS else (0, WORDS)]


def test_a_helper_that_writes_is_called_each_time():
    assert told(of_a_helper_that_writes, 0) == [(0, WORDS)]


def _counted_and_updated():
    Note.objects.filter(pk__lt=0).update(slug="none")
    return Author.objects.filter(slug="a0").count()


def _counted_and_noted_if(found=0):
    options = {}
    options.update(found=found)
    if found > 1:
        Note.objects.filter(slug="").update(slug="none")
    return Author.objects.filter(slug="a0").count()


def _counted_in_a_dictionary():
    found = {}
    found.update(count=Author.objects.filter(slug="a0").count())
    return found


def _counted_and_sent():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE corpus_note SET slug = slug")
    return Author.objects.filter(slug="a0").count()


CLEANING = "DELETE FROM corpus_note WHERE id < 0"


def _counted_and_sent_if(found=0):
    if found > 1:
        with connection.cursor() as cursor:
            cursor.execute(CLEANING)
    return Author.objects.filter(slug="a0").count()


def _counted_by_hand():
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM corpus_author")
        return cursor.fetchone()


class Counting:
    """Its method is found by nobody who reads the source of its caller."""

    def __init__(self, table):
        self.table = table

    def count(self):
        with connection.cursor() as cursor:
            cursor.execute(self.statement())
        return Author.objects.filter(slug="a0").count()

    def statement(self):
        return f"UPDATE {self.table} SET slug = slug"


class Looking(Counting):
    def statement(self):
        return f"SELECT slug FROM {self.table}"


def of_an_update():
    return [_counted_and_updated() for _ in range(3)]


def of_an_update_that_may_be():
    return [_counted_and_noted_if() for _ in range(3)]


def of_an_update_of_a_dictionary():
    return [_counted_in_a_dictionary() for _ in range(3)]


def of_sent_sql():
    return [_counted_and_sent() for _ in range(3)]


def of_sql_that_may_be_sent():
    return [_counted_and_sent_if() for _ in range(3)]


def of_a_read_by_hand():
    return [_counted_by_hand() for _ in range(3)]


def of_a_method(counting):
    return [counting.count() for _ in range(3)]


def equal_edits(function, *arguments):
    """The steps of all findings that put a query before a loop."""
    with watch() as recording:
        function(*arguments)
    assert recording.report.internal_errors == ()
    assert recording.report.findings
    options = [one for each in recording.report.findings for one in each.advice.options]
    return [step.new for one in options for step in one.steps if step.action == "insert-before"]


@pytest.mark.parametrize(
    "ask", [of_an_update, of_an_update_that_may_be, of_sent_sql, of_sql_that_may_be_sent]
)
def test_a_helper_that_updates_or_sends_sql_is_called_each_time(ask):
    assert equal_edits(ask) == []


@pytest.mark.parametrize(
    ("ask", "helper"),
    [
        (of_an_update_of_a_dictionary, "_counted_in_a_dictionary"),
        (of_a_read_by_hand, "_counted_by_hand"),
    ],
)
def test_a_helper_that_updates_a_dictionary_or_reads_by_hand_is_called_once(ask, helper):
    assert equal_edits(ask) == [f"{helper}_found = {helper}()"] * COLUMNS


def given_on_three_lines(ask):
    one = ask()
    two = ask()
    three = ask()
    return one, two, three


def sent_on_three_lines():
    one = _counted_and_sent_if()
    two = _counted_and_sent_if()
    three = _counted_and_sent_if()
    return one, two, three


def test_a_helper_that_writes_is_called_on_each_line():
    """What the source does not show was seen, and what was not sent the source shows."""
    assert equal_edits(given_on_three_lines, _counted_and_updated) == []
    assert equal_edits(sent_on_three_lines) == []


def test_a_helper_that_reads_is_called_on_one_line():
    assert equal_edits(given_on_three_lines, _counted_by_hand) == ["ask_found = ask()"]


def test_a_method_that_was_seen_to_write_is_called_each_time():
    assert equal_edits(of_a_method, Counting("corpus_note")) == []


def test_a_method_that_was_seen_to_read_is_called_once():
    statement = "count_found = counting.count()"
    assert equal_edits(of_a_method, Looking("corpus_note")) == [statement] * COLUMNS
