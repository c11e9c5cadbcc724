"""Many requests at once, under WSGI and ASGI, with every report checked and memory measured.

    python -m tests.concurrency.soak [REQUESTS [QUERIES]]

By default 200 requests and 50,000 queries under each. Runs in the project of ``serving``,
whose database is a file: each thread has a connection of its own.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import time
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

THREADS = 8

#: What may remain of our own allocations from one round to the next: entries of tables that
#: are bounded, such as places and positions. 200 scopes that stay would take a hundred times
#: as much.
KEPT_BYTES = 64_000

#: What the process may grow by from one round to the next that is just like it: the allocator's
#: arenas come in pieces of 256 KiB (from Python 3.10 on 1 MiB), and which of them can be given back
#: depends on what happens to lie in them.
GROWN_BYTES = 24_000_000


def main(requests=200, queries=50_000):
    """Run all rounds; returns what each measured. Raises ``AssertionError`` where one fails."""
    import django

    django.setup()
    results = {}
    for name, serve in (("wsgi", serve_by_threads), ("asgi", serve_by_tasks)):
        sizes = sizes_of(requests, queries)
        round_of(serve, sizes)  # whatever is made once is made now
        before = memory()
        results[name] = round_of(serve, sizes)
        results[name]["grown"] = memory() - before
        results[name]["kept"] = kept_by(serve, sizes_of(requests // 4, requests * 4))
        assert results[name]["grown"] < GROWN_BYTES, results
        assert results[name]["kept"] < KEPT_BYTES, results
    return results


def sizes_of(requests, queries):
    """The queries of each request: all different from their neighbours, ``queries`` in all."""
    average = queries // requests
    sizes = [average + number % 7 - 3 for number in range(requests)]
    sizes[-1] += queries - sum(sizes)
    return sizes


# --- one round -----------------------------------------------------------------------------------


def round_of(serve, sizes):
    """Serve as many requests as there are sizes; every report has to be exact."""
    reports, threads = [], set()
    start = time.perf_counter()
    serve(sizes, reports, threads)
    seconds = time.perf_counter() - start
    check(reports, sizes)
    assert scopes_alive() == 0
    return {
        "requests": len(reports),
        "queries": sum(report.query_count for report in reports),
        "threads": len(threads),
        "seconds": round(seconds, 1),
    }


def check(reports, sizes):
    """One report a request, with its own number of queries, all of them in its own loops."""
    assert len(reports) == len(sizes)
    assert Counter(report.query_count for report in reports) == Counter(sizes)
    for report in reports:
        assert sum(finding.count for finding in report.findings) == report.query_count - 1
        assert {finding.site.function for finding in report.findings} <= {"count_of", "acount_of"}
        assert (report.late_queries, report.unjudged_queries) == (0, 0)
        assert report.internal_errors == ()


def collect_into(reports, threads):
    """Have the middleware hand its reports to us."""
    from nplusone_guard import middleware

    def deliver(report, policy, exception=None):
        reports.append(report)
        threads.add(threading.get_ident())

    middleware.deliver = deliver
    middleware.is_heard = lambda findings, policy: True


def serve_by_threads(sizes, reports=None, threads=None):
    """The WSGI application in eight threads, as a threaded server calls it."""
    from django.core.wsgi import get_wsgi_application
    from django.test import RequestFactory

    application = get_wsgi_application()
    collect_into([] if reports is None else reports, set() if threads is None else threads)

    def request(queries):
        environ = RequestFactory().get(f"/soak/{queries - 1}/").environ
        statuses = []
        body = application(environ, lambda status, headers: statuses.append(status))
        assert b"".join(body) == str(queries - 1).encode()
        body.close()
        assert statuses == ["200 OK"]

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(request, sizes))


def serve_by_tasks(sizes, reports=None, threads=None):
    """The ASGI application in one event loop, with all requests at once."""
    from django.core.asgi import get_asgi_application

    application = get_asgi_application()
    collect_into([] if reports is None else reports, set() if threads is None else threads)

    async def request(queries):
        sent, never = [], asyncio.Event()
        messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive():
            message = next(messages, None)
            return await never.wait() if message is None else message

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": f"/asoak/{queries - 1}/",
            "query_string": b"",
            "headers": [],
            "asgi": {"version": "3.0"},
        }
        await application(scope, receive, send)
        assert sent[0]["status"] == 200
        assert sent[1]["body"] == str(queries - 1).encode()

    async def all_at_once():
        await asyncio.gather(*map(request, sizes))

    asyncio.run(all_at_once())


# --- memory ----------------------------------------------------------------------------------------


def memory():
    """Bytes of this process that are in memory."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as numbers:
        return int(numbers.read().split()[1]) * 4096


def kept_by(serve, sizes):
    """Bytes that lines of the guard have allocated and that a round leaves behind."""
    tracemalloc.start()
    try:
        serve(sizes)
        before = allocated()
        serve(sizes)
        return allocated() - before
    finally:
        tracemalloc.stop()


def allocated():
    """Bytes allocated by lines of the guard, as far as they are traced."""
    gc.collect()
    ours = tracemalloc.take_snapshot().filter_traces(
        [tracemalloc.Filter(True, "*/nplusone_guard/*")]
    )
    return sum(statistic.size for statistic in ours.statistics("filename"))


def scopes_alive():
    """Scopes that are still in memory."""
    from nplusone_guard.capture.scope import Scope

    gc.collect()
    return sum(type(one) is Scope for one in gc.get_objects())


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:]))))
