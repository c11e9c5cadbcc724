"""Labels in the source of a scenario (``# loop``, ``# site``), held against its report."""

from __future__ import annotations

import asyncio
import inspect
import re

from nplusone_guard.guard import watch


def lines(function, word):
    """File and line of what is labelled with ``word`` in a function."""
    source, first = inspect.getsourcelines(function)
    file, comment = inspect.getsourcefile(function), re.compile(rf"#.*\b{word}\b")
    return {(file, first + number) for number, line in enumerate(source) if comment.search(line)}


def run(function, *, start=asyncio.run):
    """Run a scenario under watch, by ``start`` where it is a coroutine function."""
    with watch("scenario") as recording:
        if inspect.iscoroutinefunction(function):
            start(function())
        else:
            function()
    report = recording.report
    assert report.internal_errors == ()
    assert report.late_queries == 0
    return report


def assert_found(function, report, count, *, helpers=(), kind=None):
    """One finding, at the labelled lines of ``function`` or of the ``helpers`` that it calls."""
    assert [finding.rule for finding in report.findings] == ["query-in-loop"], str(report)
    (finding,) = report.findings
    assert finding.count == count, str(report)
    for word, place in (("site", finding.site), ("loop", finding.loop)):
        assert place is not None, str(report)
        labelled = lines(function, word) or set().union(*(lines(one, word) for one in helpers))
        assert (place.file, place.line) in labelled, f"{word}\n{report}"
    assert kind in (None, finding.loop.kind), finding.loop
