"""Real servers: what a developer sees in the console, under WSGI and ASGI."""

from __future__ import annotations

import importlib.util
import re
import urllib.error
from concurrent.futures import ThreadPoolExecutor

import django
import pytest

needs_uvicorn = pytest.mark.skipif(
    importlib.util.find_spec("uvicorn") is None, reason="uvicorn is not installed"
)


@pytest.fixture(params=["runserver", pytest.param("uvicorn", marks=needs_uvicorn)])
def serve(request, project):
    return getattr(project, request.param)


def lines_of(text, path):
    """The headlines for ``path``."""
    return re.findall(rf"^GET {re.escape(path)}: .*$", text, re.MULTILINE)


def test_the_console_shows_each_request_and_its_findings(serve):
    with serve() as server:
        assert server.get("/healthy/") == b"user0,user1,user2"
        server.get("/loop/7/")
        text = server.wait_for("fix ")
    assert re.fullmatch(
        r"GET /healthy/: 1 query in [\d.]+ ms, no query loop", *lines_of(text, "/healthy/")
    )
    (headline,) = lines_of(text, "/loop/<int:pk>/")
    assert re.fullmatch(r".*: 4 queries in [\d.]+ ms, 1 query loop", headline)
    shown = text[text.index(headline) :].splitlines()[1:7]
    assert "query-in-loop  3 ×" in shown[0]
    assert any("tests/webapp/views.py:" in line for line in shown)
    assert all(len(line) <= 100 for line in shown)


def test_async_views_and_bodies_that_stream(serve):
    with serve() as server:
        assert server.get("/aloop/") == b"user0,user1,user2"
        path = "/astream/" if "uvicorn" in server.text().lower() else "/stream/"
        assert server.get(path) == b"user0user1user2"
        text = server.wait_for(f"GET {path}: 4 queries")
    assert lines_of(text, "/aloop/")[0].startswith("GET /aloop/: 4 queries")


def test_a_client_that_hangs_up(serve, request):
    asgi = "uvicorn" in request.node.name
    if asgi and django.VERSION < (5, 0):
        pytest.skip("this Django does not listen while it answers")
    path = "/astream-endless/" if asgi else "/stream-endless/"
    with serve() as server:
        server.hang_up_on(path)
        text = server.wait_for(f"GET {path}: ")
        server.get("/healthy/")
        text = server.wait_for("GET /healthy/: ")
    (line,) = lines_of(text, path)
    assert re.fullmatch(r".*: \d+ quer(y|ies) in [\d.]+ ms, (no|\d+) query loops?", line)
    assert lines_of(text, "/healthy/")[0].startswith("GET /healthy/: 1 query in")


def test_many_at_once_do_not_mix(project):
    runserver = project.serve("manage.py", "runserver", "--noreload", "127.0.0.1:PORT")
    with runserver as server, ThreadPoolExecutor(4) as pool:
        paths = ["/healthy/", "/loop/", "/aloop/", "/stream/"] * 5
        list(pool.map(server.get, paths))
        server.get("/loop/1/")
        text = server.wait_for("GET /loop/<int:pk>/")
    for path, queries in {"/healthy/": 1, "/loop/": 4, "/aloop/": 4, "/stream/": 4}.items():
        counts = [int(line.split()[2]) for line in lines_of(text, path)]
        assert counts == [queries] * 5


@needs_uvicorn
def test_with_bad_settings_requests_are_answered_and_it_is_told_once(project):
    with project.uvicorn(NPLUSONE_GUARD="{'MOED': 'raise'}") as server:
        for _ in range(2):
            server.get("/loop/")
        text = server.text()
    assert text.count("GuardMiddleware is off: ") == 1
    assert 'Did you mean "MODE"?' in text


def test_mode_raise_answers_by_an_error_page(project):
    with project.runserver(NPLUSONE_GUARD="{'MODE': 'raise'}") as server:
        with pytest.raises(urllib.error.HTTPError, match="500") as raised:
            server.get("/loop/")
        assert b"NPlusOneDetected" in raised.value.read()
        raised.value.close()
        assert server.get("/healthy/") == b"user0,user1,user2"


def test_the_applications_own_logging_goes_before_ours(project):
    logging = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"own": {"format": "OWN %(message)s"}},
        "handlers": {"own": {"class": "logging.StreamHandler", "formatter": "own"}},
        "root": {"handlers": ["own"], "level": "INFO"},
    }
    with project.runserver(LOGGING=repr(logging)) as server:
        server.get("/healthy/")
        text = server.wait_for('"GET /healthy/ HTTP/1.1" 200')
    assert re.findall(r"^(.*GET /healthy/): ", text, re.MULTILINE) == ["OWN GET /healthy/"]
