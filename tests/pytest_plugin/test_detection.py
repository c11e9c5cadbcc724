"""Detection over a suite: modes, what is cleared, what is told, alone and with workers."""

from __future__ import annotations

import py_compile
import re
import warnings

import pytest

from pytest_nplusone_guard.marks import read_markers
from tests.pytest_plugin.conftest import INI, section
from tests.pytest_plugin.suite import CI_VARIABLES, SUITE, told, write_suite
from tests.pytest_plugin.workers import alone_and_with, needs_xdist

FAILURE = """\
1 query loop among {queries} queries in 0 ms
 lazy-relation  3 × SELECT shelf_author  0 ms  3 of {queries} queries avoidable  [{id}]
   fix     add .select_related("author") to the queryset at {file}:{loop}
   query   shelf/{file}:{query}  {source}
   loop    shelf/{file}:{loop}  for book in Book.objects.all():
   loaded  shelf/{file}:{loop}  3 shelf.Book"""

SUMMARY = """\
11 tests: 35 queries in 0 ms, 2 query loops, 15 queries avoidable
 lazy-relation  3 × SELECT shelf_author  0 ms  3 of 3 queries avoidable  [{reports}]
   fix     add .select_related("author") to the queryset at reports.py:5
   query   shelf/reports.py:6  found.append(book.author.name)
   loop    shelf/reports.py:5  for book in Book.objects.all():
   loaded  shelf/reports.py:5  3 shelf.Book
   tests   test_shelf.py::TestOfDjango::test_error_of_its_own and 2 more
 lazy-relation  3 × SELECT shelf_author  0 ms  3 of 3 queries avoidable  [{views}]
   fix     add .select_related("author") to the queryset at views.py:6
   query   shelf/views.py:7  names.append(book.author.name)
   loop    shelf/views.py:6  for book in Book.objects.all():
   loaded  shelf/views.py:6  3 shelf.Book
   tests   test_shelf.py::test_error_of_its_own, test_shelf.py::test_loop
 cleared: 2 test-code, 1 ignored
 unused ignore at test_shelf.py::test_ignored @nplusone[shelf.Book.other]:
   suppressed nothing: shelf.Book has no field "other". Remove it.
   field='shelf.Book.other', reason='three at most'"""


@pytest.fixture
def suite(sample, monkeypatch):
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    write_suite(sample)
    return sample


def named(text: str) -> str:
    """``text`` with finding ids named by the file they are in."""
    for file in ("reports", "views"):
        found = re.search(rf"\[(\w{{12}})\](?=[^\[]*shelf/{file}\.py)", text)
        if found:
            text = text.replace(f"[{found[1]}]", f"[{{{file}}}]")
    return text


ESCAPED = """
from django.http import HttpResponse
from django.views.generic import ListView
from shelf.models import Book

PATTERN = "\\d+"

def books(request):
    names = []
    for book in Book.objects.all():
        names.append(book.author.name)
    return HttpResponse(names)

class Joined(ListView):
    model = Book

joined = Joined.as_view()
"""

ESCAPING = """
import pytest
from shelf.data import make_books

@pytest.mark.django_db
@pytest.mark.parametrize("page", ["books", "joined"])
def test_page(client, page, settings):
    engine = "django.template.backends.django.DjangoTemplates"
    settings.TEMPLATES = [{"BACKEND": engine, "APP_DIRS": True}]
    make_books(3)
    client.get(f"/{page}/")
"""


def test_source_that_warns_is_read_without_a_warning(suite):
    """Python has warned when it compiled the file: neither again, nor an error with ``-W error``."""
    suite.write(**{"shelf/views.py": ESCAPED})
    page = suite.pytester.mkdir("shelf/templates").joinpath("shelf", "book_list.html")
    page.parent.mkdir()
    page.write_text("{% for book in object_list %}{{ book.author.name }}{% endfor %}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        py_compile.compile(str(suite.pytester.path / "shelf" / "views.py"), doraise=True)
    result = suite.run(ESCAPING, "--nplusone=report")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines_random(
        [
            '*add .select_related("author") to the queryset at views.py:9',
            '*add .select_related("author") to the queryset of Joined at views.py:14',
        ]
    )
    result.stdout.no_fnmatch_line("*error inside nplusone-guard*")


def test_fail(suite):
    result = suite.run(SUITE, "--nplusone=fail")
    result.assert_outcomes(passed=8, failed=4)
    result.stdout.fnmatch_lines(["nplusone: fail (from --nplusone)"])
    view = {"file": "views.py", "loop": 6, "query": 7, "source": "names.append(book.author.name)"}
    report = {
        "file": "reports.py",
        "loop": 5,
        "query": 6,
        "source": "found.append(book.author.name)",
    }
    loop = FAILURE.format(queries=4, id="{views}", **view)
    assert named(told(result, "test_loop")) == loop
    loop = FAILURE.format(queries=4, id="{reports}", **report)
    assert named(told(result, "TestOfDjango.test_loop")) == loop
    # pytest's own summary says what matters, and not the name of the test twice.
    result.stdout.re_match_lines(
        [r"FAILED test_shelf\.py::test_loop - Failed: 1 query loop among 4 queries in .* ms"]
    )
    # A test that failed by itself keeps its error; what was found stands below it.
    assert "ValueError: mine" in told(result, "test_error_of_its_own")
    assert "AssertionError: mine" in told(result, "TestOfDjango.test_error_of_its_own")
    sections = re.findall(r"^-+ query loops -+$", result.stdout.str(), re.MULTILINE)
    assert len(sections) == 2
    assert named(result.stdout.str()).count("[{views}]") == 3  # two tests and the summary
    assert named(_summary(result)) == SUMMARY


def _summary(result) -> str:
    """The last section of the title; failures may have one of their own."""
    text = result.stdout.str()
    start = list(re.finditer(r"^=+ query loops =+\n", text, re.MULTILINE))[-1].end()
    summary = text[start : text.index("\n====", start)]
    return re.sub(r"\b[\d.]+ m?s\b", "0 ms", summary)


@needs_xdist
def test_workers_give_the_same(suite):
    result = suite.run(SUITE, "--nplusone=fail", "-n2")
    result.assert_outcomes(passed=8, failed=4)
    assert named(_summary(result)) == SUMMARY


@alone_and_with("-n1")
def test_failures_are_as_wide_as_the_terminal(suite, monkeypatch, workers):
    monkeypatch.setenv("COLUMNS", "70")
    source = """
        from shelf.models import Book

        def test_loop(client, shelf):
            client.get("/books/")
        """
    result = suite.run(source, "--nplusone=fail", *workers)
    result.assert_outcomes(failed=1)
    lines = told(result, "test_loop").splitlines()
    assert [re.sub(r"\[\w{12}\]", "[ID]", line) for line in lines][-6:] == [
        "1 query loop among 4 queries in 0 ms",
        " lazy-relation  3 × SELECT shelf_author  saves 3/4  [ID]",
        '   fix     add .select_related("author") to the queryset at views.py:6',
        "   query   shelf/views.py:7  names.append(book.author.name)",
        "   loop    :6                for book in Book.objects.all():",
        "   loaded  :6                3 shelf.Book",
    ]


def test_the_command_line_counts_before_addopts(suite):
    suite.pytester.makeini(INI.replace("--strict-markers", "--strict-markers --nplusone=fail"))
    result = suite.run(SUITE, "--nplusone=off", "-k", "test_loop")
    result.assert_outcomes(passed=3, deselected=9)
    result.stdout.fnmatch_lines(["nplusone: off (from --nplusone)"])


def test_report_fails_nothing(suite):
    suite.pytester.makeini(f"{INI.rstrip()}\n    nplusone = report\n")
    result = suite.run(SUITE, "-k", "not own")
    result.assert_outcomes(passed=10, deselected=2)
    result.stdout.fnmatch_lines(["nplusone: report (from tox.ini)"])
    # Not everything ran, so that nothing is said of ignores without use.
    assert "unused ignore" not in _summary(result)
    assert "2 query loops" in _summary(result)


def test_the_setting_counts_last_and_the_command_line_first(suite):
    settings = suite.pytester.path / "settings.py"
    settings.write_text(settings.read_text() + 'NPLUSONE_GUARD = {"PYTEST": "fail"}\n')
    source = """
        import pytest
        from shelf.reports import names

        @pytest.mark.nplusone("fail")
        def test_loop(shelf):
            names()
        """
    result = suite.run(source)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['nplusone: fail (from NPLUSONE_GUARD[[]"PYTEST"])'])
    result = suite.run(source, "--nplusone=off")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["nplusone: off (from --nplusone)"])
    assert "query loops" not in result.stdout.str()


def test_a_marker_asks_for_one_test(suite):
    result = suite.run(
        """
        import pytest
        from shelf.reports import names

        def test_other(shelf):
            names()

        @pytest.mark.nplusone("report")
        class TestMarked:
            @pytest.mark.nplusone("fail")
            def test_fails(self, shelf):
                names()

            def test_reports(self, shelf):
                names()
        """
    )
    result.assert_outcomes(passed=2, failed=1)
    assert _summary(result).startswith("2 tests: 8 queries")


def test_what_else_runs_tests(suite):
    """Reruns, subtests, parameters, expected failures, Hypothesis, files named as tests."""
    pytest.importorskip("pytest_rerunfailures")
    suite.write(
        **{
            "helpers/__init__.py": "",
            "helpers/making.py": """
                from shelf.models import Book

                def touch():
                    for book in Book.objects.all():
                        book.author
                """,
        }
    )
    ini = f"{INI.rstrip()}\n    nplusone = fail\n    nplusone_test_paths = helpers\n"
    suite.pytester.makeini(ini)
    result = suite.run(
        """
        import pytest
        from helpers.making import touch
        from hypothesis import HealthCheck, given, settings, strategies
        from hypothesis.extra.django import TestCase
        from shelf.reports import count, names

        runs = []

        @pytest.mark.nplusone("report")
        @pytest.mark.flaky(reruns=2)
        def test_flaky(shelf):
            names()
            runs.append(1)
            assert len(runs) > 1

        @pytest.mark.parametrize("times", [1, 2])
        def test_times(shelf, times):
            for _ in range(times):
                count()

        @pytest.mark.xfail(strict=True)
        def test_expected(shelf):
            names()

        @settings(
            max_examples=5,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(strategies.integers())
        def test_examples(shelf, number):
            count()

        def test_helper(shelf):
            touch()

        class TestExamples(TestCase):
            @settings(max_examples=5, deadline=None, database=None)
            @given(strategies.integers())
            def test_examples(self, number):
                assert count() == 0
        """,
        "--junitxml=junit.xml",
        needed=("hypothesispytest", "rerunfailures"),
    )
    result.assert_outcomes(passed=6, xfailed=1)
    assert _summary(result).startswith("7 tests: 17 queries")
    assert "   tests   test_shelf.py::test_expected, test_shelf.py::test_flaky\n" in _summary(
        result
    )
    junit = suite.pytester.path.joinpath("junit.xml").read_text()
    flaky = junit[junit.index('name="test_flaky"') :]
    assert re.match(
        r'[^>]*><properties><property name="nplusone_queries" value="4" />'
        r'<property name="nplusone_findings" value="\w{12}" /></properties>',
        flaky,
    )


def test_async_tests(suite):
    pytest.importorskip("pytest_asyncio")
    suite.write(
        **{
            "shelf/tasks.py": """
                import asyncio
                from shelf.models import Author, Book

                async def walk():
                    async for book in Book.objects.all():
                        await Author.objects.aget(pk=book.author_id)

                async def gather():
                    keys = [book.author_id async for book in Book.objects.all()]
                    await asyncio.gather(*[Author.objects.aget(pk=key) for key in keys])
                """,
            "test_tasks.py": """
                import pytest
                from asgiref.sync import sync_to_async
                from django.test import TransactionTestCase
                from shelf.data import make_books
                from shelf.tasks import gather, walk

                pytestmark = pytest.mark.django_db(transaction=True)

                @pytest.fixture
                def anyio_backend():
                    return "asyncio"

                @pytest.mark.anyio
                async def test_anyio():
                    await sync_to_async(make_books)(3)
                    await walk()

                @pytest.mark.asyncio
                async def test_asyncio():
                    await sync_to_async(make_books)(3)
                    await walk()

                @pytest.mark.asyncio
                async def test_gathered():
                    await sync_to_async(make_books)(3)
                    await gather()

                @pytest.mark.asyncio
                async def test_client(async_client):
                    await sync_to_async(make_books)(3)
                    for _ in range(3):
                        await async_client.get("/joined/")

                class TestAsync(TransactionTestCase):
                    async def test_method(self):
                        await sync_to_async(make_books)(3)
                        await walk()
                """,
        }
    )
    result = suite.start(
        "-W", "default", "--nplusone=fail", "test_tasks.py", needed=("anyio", "asyncio")
    )
    result.assert_outcomes(passed=1, failed=4)
    assert re.findall(r"^   (?:loop|tests?) .*", _summary(result), re.MULTILINE) == [
        "   loop    shelf/tasks.py:5  async for book in Book.objects.all():",
        "   tests   test_tasks.py::TestAsync::test_method, test_tasks.py::test_anyio and 1 more",
        "   loop    same line, gather",
        "   test    test_tasks.py::test_gathered",
        "   loop    shelf/data.py:4  for number in range(count):",
        "   tests   test_tasks.py::TestAsync::test_method, test_tasks.py::test_anyio and 3 more",
    ]


MISTAKES = {
    'nplusone("never")': "nplusone has mode 'never'. Allowed: off, report, fail.",
    'nplusone("off", "fail")': (
        'nplusone(\'off\', \'fail\'). Allowed: nplusone("off"|"report"|"fail", '
        'ignore=["rule" or "app.Model.field", …], reason="…").'
    ),
    'nplusone(ignore=["lazy-relatio"], reason="x")': (
        "nplusone(ignore=['lazy-relatio'], reason='x') names 'lazy-relatio', which is not a rule. "
        'Did you mean "lazy-relation"?'
    ),
    'nplusone(ignore=["lazy-relation"])': (
        "nplusone(ignore=['lazy-relation'], reason='') has no reason. "
        "Say why these queries may stay."
    ),
    'nplusone("off")\n@pytest.mark.nplusone("fail")': (
        "nplusone has two modes, 'off' and 'fail'. Allowed: one."
    ),
}


@pytest.mark.filterwarnings("ignore:Unknown pytest.mark")
@pytest.mark.parametrize("marker", MISTAKES)
def test_a_wrong_marker_is_named(pytester, monkeypatch, marker):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # half a second each time
    source = f"import pytest\n@pytest.mark.{marker}\ndef test_it(): pass"
    item = pytester.getitem(source, "test_it")
    with pytest.raises(pytest.UsageError) as raised:
        read_markers([item])
    assert str(raised.value) == f"{item.nodeid}: {MISTAKES[marker]}"


@needs_xdist
def test_a_wrong_marker_ends_the_run_of_workers_too(suite):
    source = "import pytest\n@pytest.mark.nplusone('never')\ndef test_it(): pass"
    result = suite.run(source, "-n1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: test_shelf.py::test_it: nplusone has mode 'never'. Allowed: off, report, fail."]
    )


TOLD = """
    import pytest
    from django.test import TestCase
    from nplusone_guard.testing import QueryAssertions
    from shelf.data import make_books
    from shelf.models import Author
    from shelf.reports import names

    @pytest.mark.django_db
    def test_growth(assert_constant_queries):
        assert_constant_queries(make_books, names)

    def test_budget(shelf, assert_max_queries):
        with assert_max_queries(2):
            names()

    @pytest.mark.max_queries(2)
    def test_marker(shelf):
        names()

    class TestOfDjango(QueryAssertions, TestCase):
        def setUp(self):
            super().setUp()
            make_books(3)

        def test_mixin(self):
            with self.assertMaxQueries(2):
                names()

    def test_two_loops(client, shelf, assert_max_queries):
        client.get("/books/")
        with assert_max_queries(2):
            names()

    def test_other_database(shelf, assert_max_queries):
        with assert_max_queries(0, using="default"), assert_max_queries(1, using="replica", exact=True):
            names()

    def test_caught(shelf, assert_max_queries):
        with pytest.raises(AssertionError), assert_max_queries(2):
            names()
        raise ValueError("mine")
    """


@alone_and_with("-n1")
def test_a_loop_that_the_failure_tells_is_not_told_again(sample, workers):
    write_suite(sample)
    result = sample.run(TOLD, "--nplusone=fail", *workers)
    result.assert_outcomes(failed=7)
    rule = re.compile(r"^-+ query loops -+$", re.MULTILINE)
    fix = 'fix     add .select_related("author")'
    for name in ("test_growth", "test_budget", "test_marker", "TestOfDjango.test_mixin"):
        text = _whole_section(result, name)
        assert (text.count(fix), len(rule.findall(text))) == (1, 0), name
    two = _whole_section(result, "test_two_loops")
    error, below = rule.split(two)
    assert "query   shelf/reports.py:6" in error
    assert "shelf/reports.py" not in below
    assert "query   shelf/views.py:7" in below
    # What the failure does not tell is told below it.
    for name in ("test_other_database", "test_caught"):
        error, below = rule.split(_whole_section(result, name))
        assert fix not in error
        assert below.count(fix) == 1


def _whole_section(result, name: str) -> str:
    """A failure with the sections below it."""
    text = re.split(rf"^_+ {re.escape(name)} _+$", result.stdout.str(), flags=re.MULTILINE)[1]
    return re.split(r"^(?:_|=)+ .* (?:_|=)+$", text, flags=re.MULTILINE)[0]


STEPS = """
    from shelf.models import Author, Book

    def steps(first):
        for book in Book.objects.all():
            if first:
                Author.objects.filter(pk=book.author_id).exists()
            Book.objects.filter(author_id=book.author_id).count()

    def other():
        for book in Book.objects.all():
            Book.objects.filter(author_id=book.author_id).count()
    """
STEPS_TESTS = """
    from shelf.steps import other, steps

    def test_both(shelf):
        steps(first=True)

    def test_rest(shelf):
        steps(first=False)

    def test_other(shelf):
        other()
    """


def test_a_loop_of_which_a_test_sees_less_is_told_once(sample):
    write_suite(sample)
    sample.write(**{"shelf/steps.py": STEPS})
    files = ("--nplusone-baseline=known.json", "--nplusone-update-baseline")
    lines = told(sample.run(STEPS_TESTS, *files)).splitlines()
    assert lines[0].startswith("3 tests: 15 queries in 0 ms, 2 query loops, ")
    assert [line.split() for line in lines if line.startswith("   loop")] == [
        ["loop", "shelf/steps.py:4", "for", "book", "in", "Book.objects.all():"],
        ["loop", "shelf/steps.py:10", "for", "book", "in", "Book.objects.all():"],
    ]
    assert "   tests   test_shelf.py::test_both, test_shelf.py::test_rest" in lines
    # What they go by stays as it was.
    assert lines[-2:] == [
        " baseline known.json: 0 known, 3 new",
        " written known.json: 3 findings",
    ]


ALONE = """
    import os

    import django
    import pytest

    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    django.setup()

    from django.test.utils import setup_databases, teardown_databases

    @pytest.fixture(scope="session", autouse=True)
    def databases():
        made = setup_databases(verbosity=0, interactive=False)
        yield
        teardown_databases(made, verbosity=0)
    """
ALONE_TESTS = """
    from django.test import TestCase
    from shelf.data import make_books
    from shelf.reports import names

    class TestOfDjango(TestCase):
        def setUp(self):
            make_books(3)

        def test_loop(self):
            names()

        def test_clean(self):
            self.client.get("/joined/")

    def test_growth(assert_constant_queries):
        assert_constant_queries(make_books, names)
    """


@alone_and_with("-n2")
def test_pytest_django_is_not_needed(sample, workers):
    write_suite(sample)
    sample.write(**{"conftest.py": ALONE})
    sample.pytester.makeini("[pytest]\npythonpath = .\n")
    result = sample.run(ALONE_TESTS, "-pno:django", "--nplusone=fail", *workers)
    result.assert_outcomes(passed=1, failed=2)
    lines = told(result).splitlines()
    assert lines[0] == "3 tests: 13 queries in 0 ms, 1 query loop, 7 queries avoidable"
    assert (
        lines[-1] == "   tests   test_shelf.py::TestOfDjango::test_loop, test_shelf.py::test_growth"
    )
    assert "3 queries at 2, 5 at 4" in section(result, "test_growth")


def test_an_error_with_a_word_of_ours_is_the_tests_own(sample):
    write_suite(sample)
    result = sample.run(
        """
        from shelf.reports import names

        class Odd(Exception):
            told = 5

        def test_odd(shelf):
            names()
            error = Odd("mine")
            error.told = 5
            raise error
        """,
        "--nplusone=fail",
    )
    result.assert_outcomes(failed=1)
    assert "INTERNALERROR" not in result.stdout.str()
    assert _whole_section(result, "test_odd").count("fix     add .select_related") == 1
