"""Real servers: every loop with its lines, many requests at once, and clients that hang up."""

from __future__ import annotations

import inspect
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import django
import pytest

from tests.concurrency import views
from tests.concurrency.checking import lines
from tests.webapp.project import ROOT

HELPERS = [views.count_of, views.acount_of, views.counts_of_rows]

#: Before Django 5.0 a handler does not listen while it answers, so that a body goes on.
DISCONNECTS_ARE_HEARD = django.VERSION >= (5, 0)


def path_of(view):
    return f"/{view.__name__}/"


def places(finding):
    return {
        word: (str(ROOT / finding[word]["file"]), finding[word]["line"])
        for word in ("site", "loop")
    }


def labelled(view, word):
    return lines(view, word) or set().union(*(lines(one, word) for one in HELPERS))


def is_for(server, view):
    """Sync views run anywhere, async ones say most of a server that is async itself."""
    return inspect.iscoroutinefunction(view) == server.kind.startswith("asgi")


def test_each_loop_is_found_and_its_twin_is_not(served):
    pairs = [(view, twin) for view, twin in views.PAIRS.items() if is_for(served, view)]
    for view, twin in pairs:
        served.get(path_of(view))
        (report,) = served.reports(1)
        assert report["query_count"] == 4, report
        (finding,) = report["findings"]
        assert (finding["rule"], finding["count"]) == ("query-in-loop", 3)
        for word, place in places(finding).items():
            assert place in labelled(view, word), (view, finding)
        served.get(path_of(twin))
        (report,) = served.reports(1)
        assert report["query_count"], report
        assert report["findings"] == [], report


def test_requests_at_once_do_not_mix(served):
    """Each has its own number of queries, so that one too many is seen."""
    asked = list(range(4, 24)) * 2
    random.Random(7).shuffle(asked)
    name = "asoak" if served.kind.startswith("asgi") else "soak"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda queries: served.get(f"/{name}/{queries}/"), asked))
    reports = served.reports(len(asked))
    assert Counter(report["query_count"] for report in reports) == Counter(
        queries + 1 for queries in asked
    )
    for report in reports:
        counted = sum(finding["count"] for finding in report["findings"])
        assert counted == report["query_count"] - 1
        assert report["late_queries"] == 0
        assert report["internal_errors"] == []


def bodies(server):
    return "astream" if server.kind.startswith("asgi") else "stream"


def test_a_body_that_is_read_to_its_end(served):
    assert len(served.get(f"/{bodies(served)}/20/")) == 20 * len(views.CHUNK)
    (report,) = served.reports(1)
    assert report["query_count"] == 21
    (finding,) = report["findings"]
    view = getattr(views, bodies(served))
    assert places(finding)["loop"][0] == inspect.getsourcefile(view)
    assert Path(places(finding)["site"][0]).name == "views.py"


@pytest.mark.parametrize("after", [1, 3 * 200_000])
def test_a_client_that_hangs_up_is_reported_once(served, after):
    """The scope closes, one report is handed on, and nothing stays open."""
    served.hang_up_on(f"/{bodies(served)}/60/", after)
    (report,) = served.reports(1)
    whole = 61
    if served.kind.startswith("wsgi") or DISCONNECTS_ARE_HEARD:
        assert report["query_count"] < whole
    else:
        assert report["query_count"] == whole
    served.get("/soak/3/")
    (report,) = served.reports(1)
    assert report["query_count"] == 4


def test_many_clients_that_hang_up(served):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: served.hang_up_on(f"/{bodies(served)}/60/", 1000), range(12)))
    assert all(report["query_count"] <= 61 for report in served.reports(12))
