"""Requests of a live server are watched as others are, in threads that know of no test."""

from __future__ import annotations

import json
import re
import textwrap

import pytest

from tests.pytest_plugin.conftest import FILES, section
from tests.pytest_plugin.suite import CI_VARIABLES, told
from tests.pytest_plugin.workers import alone_and_with

#: Sends what it has got, and the rest once it is told so.
STREAMED = """
    import threading
    from django.http import StreamingHttpResponse
    from shelf.models import Book

    go_on = threading.Event()

    def streamed(request):
        def rows():
            for book in Book.objects.all():
                yield book.author.name.ljust(70_000)
            yield "end"
            go_on.wait(30)
            Book.objects.count()
        return StreamingHttpResponse(rows())
    """
URL = """
from shelf.streamed import streamed
urlpatterns.append(path("streamed/", streamed))
"""
HEAD = """
    from http.client import HTTPConnection
    from urllib.parse import urlsplit
    from urllib.request import urlopen

    import pytest
    from django.test import LiveServerTestCase
    from shelf.data import make_books
    from shelf.models import Book

    def read(live, path):
        with urlopen(f"{live}{path}", timeout=30) as answer:
            return answer.read()
    """
TESTS = """
    @pytest.fixture
    def shelf(transactional_db):
        make_books(3)

    @pytest.fixture
    def served_before(shelf, live_server):
        read(live_server, "/books/")

    def test_loop(shelf, live_server):
        assert read(live_server, "/books/")

    def test_joined(shelf, live_server):
        Book.objects.count()
        for _ in range(3):
            assert read(live_server, "/joined/")

    def test_fixture(served_before):
        pass

    @pytest.mark.nplusone("off")
    def test_unwatched(shelf, live_server):
        read(live_server, "/books/")

    def test_next(live_server, db):
        pass

    class TestOfDjango(LiveServerTestCase):
        def setUp(self):
            make_books(3)

        def test_loop(self):
            assert read(self.live_server_url, "/books/")
    """
FOUND = """\
 lazy-relation  3 × SELECT shelf_author  0 ms  3 of {queries} queries avoidable  [{id}]
   fix     add .select_related("author") to the queryset at views.py:6
   query   shelf/views.py:7  names.append(book.author.name)
   loop    shelf/views.py:6  for book in Book.objects.all():
   loaded  shelf/views.py:6  3 shelf.Book"""
FAILURE = f"1 query loop among 4 queries in 0 ms\n{FOUND.replace('{queries}', '4')}"
SUMMARY = f"""\
5 tests: 12 queries in 0 ms, 1 query loop, 6 queries avoidable
{FOUND.replace("{queries}", "3")}
   tests   test_shelf.py::TestOfDjango::test_loop, test_shelf.py::test_loop"""

#: The client has its answer, but for the end of it, and goes on in the test behind.
IN_FLIGHT = """
    kept = []

    @pytest.fixture
    def shelf(transactional_db):
        make_books(3)

    def test_first(shelf, live_server):
        connection = HTTPConnection(urlsplit(live_server.url).netloc, timeout=30)
        connection.request("GET", "/streamed/")
        answer = connection.getresponse()
        while not answer.read1().endswith(b"end"):
            pass
        kept.append(answer)

    def test_second(shelf, live_server):
        from shelf.streamed import go_on
        go_on.set()
        assert kept.pop().read() == b""
    """

#: Uvicorn in a thread of this process, with a connection of its own to a database in a file.
ASGI = """
    import threading
    import time
    import uvicorn
    from django.core.asgi import get_asgi_application

    @pytest.fixture(scope="session")
    def served():
        config = uvicorn.Config(get_asgi_application(), port=0, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield "http://127.0.0.1:%d" % server.servers[0].sockets[0].getsockname()[1]
        server.should_exit = True
        thread.join()

    @pytest.fixture
    def shelf(transactional_db):
        make_books(3)

    def test_loop(shelf, served):
        read(served, "/books/")

    def test_joined(shelf, served):
        read(served, "/joined/")
    """
IN_A_FILE = """
for alias, database in DATABASES.items():
    database["TEST"] = {"NAME": BASE_DIR / f"{alias}.sqlite3"}
ALLOWED_HOSTS = ["127.0.0.1"]
"""


@pytest.fixture
def suite(sample, monkeypatch):
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    urls = textwrap.dedent(FILES["shelf/urls.py"]) + URL
    sample.write(**{"shelf/urls.py": urls, "shelf/streamed.py": STREAMED})
    set_up(sample)
    return sample


def set_up(sample, more: str = "") -> None:
    base = f'STATIC_URL = "/static/"\nfrom pathlib import Path\nBASE_DIR = Path({str(sample.pytester.path)!r})\n'
    sample.write(**{"settings.py": textwrap.dedent(FILES["settings.py"]) + base + more})


def written(text: str) -> str:
    return textwrap.dedent(HEAD) + textwrap.dedent(text)


def id_in(text: str) -> str:
    found = re.search(r"\[(\w{12})\]", text)
    assert found is not None
    return found[1]


MIDDLEWARE = 'MIDDLEWARE = ["nplusone_guard.middleware.GuardMiddleware"]'


@pytest.mark.parametrize("more", ["", MIDDLEWARE], ids=["alone", "middleware"])
@alone_and_with("-n2")
def test_a_loop_fails_the_test_that_asked_for_the_page(suite, workers, more):
    set_up(suite, more)
    result = suite.run(written(TESTS), "--nplusone=fail", *workers)
    result.assert_outcomes(passed=4, failed=2)
    summary = told(result)
    assert summary == SUMMARY.format(id=id_in(summary))
    for title in ("test_loop", "TestOfDjango.test_loop"):
        failure = (
            told(result, title).partition("] linux")[2].partition("\n")[2]
            if workers
            else told(result, title)
        )
        assert failure == FAILURE.format(id=id_in(failure))


def test_what_it_sends_counts_in_no_record(suite):
    options = ("--nplusone=report", "--nplusone-budgets=queries.json")
    suite.run(written(TESTS), *options, "--nplusone-update-baseline").assert_outcomes(passed=6)
    path = suite.pytester.path / "queries.json"
    document = json.loads(path.read_text())
    assert document["queries"] == {
        "test_shelf.py::TestOfDjango::test_loop": 0,
        "test_shelf.py::test_fixture": 0,
        "test_shelf.py::test_joined": 1,
        "test_shelf.py::test_loop": 0,
        "test_shelf.py::test_next": 0,
    }
    document["queries"]["test_shelf.py::test_joined"] = 0
    path.write_text(json.dumps(document))
    result = suite.start("--nplusone=fail", options[1], "test_shelf.py::test_joined")
    assert section(result, "test_joined").startswith(
        "1 query, 0 recorded in queries.json; 3 more for a live server\n"
    )


def test_a_request_that_outlasts_its_test_is_not_of_the_next(suite):
    result = suite.run(written(IN_FLIGHT), "--nplusone=fail")
    result.assert_outcomes(passed=1, failed=1)
    summary = told(result)
    assert summary.startswith("2 tests: 4 queries in 0 ms, 1 query loop, 3 queries avoidable\n")
    assert summary.endswith("\n   test    test_shelf.py::test_first")


def test_an_asgi_server_in_a_thread_is_a_live_server_too(suite):
    pytest.importorskip("uvicorn")
    set_up(suite, IN_A_FILE)
    result = suite.run(written(ASGI), "--nplusone=fail")
    result.assert_outcomes(passed=1, failed=1)
    failure = told(result, "test_loop")
    assert failure == FAILURE.format(id=id_in(failure))


def test_who_leaves_threads_alone_leaves_live_servers_alone(suite):
    set_up(suite, 'NPLUSONE_GUARD = {"THREADS": False}')
    result = suite.run(written(TESTS), "--nplusone=fail")
    result.assert_outcomes(passed=6)
    assert told(result).startswith("5 tests: 1 query in 0 ms, no query loop")


FAULT = """
    from nplusone_guard import request_units

    @pytest.fixture
    def shelf(transactional_db):
        make_books(3)

    def test_answered(shelf, live_server, monkeypatch):
        monkeypatch.setattr(request_units, "open_scope", None)
        assert read(live_server, "/books/")

    def test_next(shelf, live_server):
        assert read(live_server, "/joined/")
    """


def test_a_fault_of_the_guard_costs_no_answer_and_nothing_of_the_next_test(suite):
    result = suite.run(written(FAULT), "--nplusone=fail")
    result.assert_outcomes(passed=2)
    assert told(result).startswith("2 tests: 1 query in 0 ms, no query loop")
