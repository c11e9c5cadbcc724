"""Labels in the source of a scenario (``# loop``, ``# site``), held against its report."""

from __future__ import annotations

import asyncio
import inspect
import re

from nplusone_guard.guard import watch


def lines(function, word):
    """The lines of a function that are labelled with ``word``."""
    source, first = inspect.getsourcelines(function)
    comment = re.compile(rf"#.*\b{word}\b")
    return {first + number for number, line in enumerate(source) if comment.search(line)}


def run(function, *arguments):
    """Run a scenario under watch, on an event loop of its own where it is a coroutine function."""
    with watch("scenario") as recording:
        if inspect.iscoroutinefunction(function):
            asyncio.run(function(*arguments))
        else:
            function(*arguments)
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
        labelled = [lines(one, word) for one in (function, *helpers)]
        assert {place.line} == next(filter(None, labelled)), f"{word}\n{report}"
        assert place.file == inspect.getsourcefile(function)
    assert kind in (None, finding.loop.kind), finding.loop
