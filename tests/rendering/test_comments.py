"""``{# nplusone: ignore[rule] reason #}`` on a template's line."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("path", ["/page/ignored/", "/page/ignored_loop/", "/jinja/ignored/"])
def test_comment_lets_a_loop_be(ask, path):
    report = ask(path)
    assert not report.findings
    (cleared,) = [one for one in report.cleared if one.reason == "ignored"]
    assert cleared.detail == "comment: three authors at most"
    assert not report.unused_ignores


def test_comment_without_a_reason_ignores_nothing(ask):
    report = ask("/page/ignored_wrongly/")
    assert [one.rule for one in report.findings] == ["lazy-relation"]
    (unused,) = report.unused_ignores
    assert unused.where.endswith("ignored_wrongly.html:2")
    assert "has no reason" in unused.reason


def test_comment_that_suppresses_nothing_is_told(ask):
    report = ask("/page/ignored/?select=author")
    assert not report.findings
    assert not report.unused_ignores, "one that no query reaches is not judged"
