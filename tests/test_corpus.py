"""Every pattern of ``tests.corpus`` at three sizes; see there for the labels."""

from __future__ import annotations

import pytest

from nplusone_guard.guard import watch
from tests import settings
from tests.corpus import checking, ids
from tests.corpus.labels import Pattern, lines, patterns

SIZES = (2, 5, 20)

PATTERNS = patterns()


def marked(pattern: Pattern, *values: int) -> object:
    """The parameters of one test, with the databases that the pattern needs."""
    databases = list(pattern.databases)
    marks = [pytest.mark.django_db(databases=databases, transaction=pattern.transactional)]
    if not pattern.available:
        marks.append(pytest.mark.skip(reason="not in this version of Python or Django"))
    name = "-".join([str(pattern), *map(str, values)])
    return pytest.param(pattern, *values, id=name, marks=marks)


@pytest.mark.database
@pytest.mark.parametrize(
    ("pattern", "n"),
    [marked(pattern, n) for pattern in PATTERNS for n in SIZES if n >= pattern.smallest],
)
def test_verdict(pattern: Pattern, n: int) -> None:
    """A loop is found with its lines and counts, and nothing else is; a healthy one is not."""
    argument = checking.prepare(pattern, n)
    with watch("corpus") as recording:
        checking.call(pattern.function, argument)
    report = recording.report
    if wrong := checking.mismatches(pattern, n, report):
        pytest.fail(checking.explain(pattern, n, report, wrong), pytrace=False)


@pytest.mark.parametrize("pattern", [marked(pattern) for pattern in PATTERNS])
def test_labels_are_true(pattern: Pattern) -> None:
    """Queries of a loop grow with the data, on the labelled lines; those of its twin do not.

    Counted without our tool, so that the labels hold whatever it says of them.
    """
    few = checking.queries(pattern, 2)
    more = checking.queries(pattern, 5)
    if pattern.grows:
        assert len(more) > len(few), (few, more)
    else:
        assert len(more) <= len(few), (few, more)
    if any("duplicate-query" in expected.rules for expected in pattern.expected):
        assert checking.most_common(more) >= 2
    if pattern.expected and pattern.plain:
        assert not checking.untrue_lines(pattern, few, more)


@pytest.mark.database
@pytest.mark.skipif(settings.TEST_DB == "sqlite", reason="what the others are held to")
@pytest.mark.django_db(databases=["default", "other"])
def test_findings_go_by_the_same_ids_on_every_engine() -> None:
    here, there = ids.ids(), ids.ids_on_sqlite()
    assert len(here) >= 110
    other = {name: (here[name], there[name]) for name in here if here[name] != there[name]}
    assert not other


def test_every_loop_has_a_healthy_twin_below_it() -> None:
    """The twin follows its loop in the same file, before the next loop."""
    twins = {pattern.twin for pattern in PATTERNS if pattern.healthy}
    for index, pattern in enumerate(PATTERNS):
        if pattern.healthy:
            continue
        assert pattern.function in twins, f"{pattern} has no twin"
        following = PATTERNS[index + 1]
        assert following.twin is pattern.function, f"{following} stands below {pattern}"


def test_every_loop_is_labelled() -> None:
    """Each expected finding has a site, and a loop unless it may be spread over the scope."""
    for pattern in PATTERNS:
        for expected in pattern.expected:
            assert lines(pattern, expected, "site"), f"{pattern}: no site"
            if "duplicate-query" not in expected.rules:
                assert lines(pattern, expected, "loop"), f"{pattern}: no loop"
            if expected.origin is True:
                assert lines(pattern, expected, "origin"), f"{pattern}: no origin"


def test_size_of_the_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    """At least 110 loops and as many healthy patterns, with names of their own."""
    healthy = sum(pattern.healthy for pattern in PATTERNS)
    loops = len(PATTERNS) - healthy
    with capsys.disabled():
        print(f"\ncorpus: {loops} loop patterns, {healthy} healthy, at sizes {SIZES}")
    assert loops >= 110
    assert healthy >= 110
    assert len({pattern.name for pattern in PATTERNS}) == len(PATTERNS)
