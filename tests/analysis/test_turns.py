"""What can be a loop is told from bytecode; sources are read for nothing else."""

from __future__ import annotations

import textwrap

import pytest
from django.contrib.auth.models import Group

from nplusone_guard import watch
from nplusone_guard.analysis import judge
from nplusone_guard.analysis.turns import has_loop
from nplusone_guard.policy import Policy

#: As the pytest plugin asks: nobody sees the shapes.
BRIEF = Policy(details=False, max_timeline=0)


def for_loop(items):
    for item in items:
        print(item)


def while_true():
    while True:
        if print():
            break


def while_condition(item):
    while item.next is not None:
        item = item.next


def long_way_back(item):
    while item.next:
        print(*[1, 2, 3], *item, *item, *item, *item, *item, *item, *item, *item, *item, *item)
        print(*[1, 2, 3], *item, *item, *item, *item, *item, *item, *item, *item, *item, *item)
        print(*[1, 2, 3], *item, *item, *item, *item, *item, *item, *item, *item, *item, *item)
        print(*[1, 2, 3], *item, *item, *item, *item, *item, *item, *item, *item, *item, *item)
        item = item.next or item.previous or item.first or item.last or item.other


def while_in_a_handler(item):
    try:
        item.first()
    except ValueError:
        while item.next:
            item = item.next
    item.second()


def retries(item):
    while True:
        try:
            return item.first()
        except ValueError:
            continue


async def async_for(items):
    async for item in items:
        print(item)


generator = (item for item in ()).gi_code


def straight(item):
    item.first()
    assert item
    return item.second() if item.third else item.fourth() or item.fifth()


async def awaits(item):
    await item.first()
    await item.second()


@pytest.mark.parametrize(
    "function",
    [for_loop, while_true, while_condition, long_way_back, async_for, while_in_a_handler, retries],
)
def test_a_function_that_loops(function):
    assert has_loop(function.__code__)


def test_a_generator_expression_loops():
    assert has_loop(generator)


def handles(item):
    with item:
        item.first()
    try:
        item.second()
    except ValueError:
        item.third()
    finally:
        item.fourth()
    with item.fifth():
        item.sixth()


@pytest.mark.parametrize("function", [straight, awaits, handles])
def test_a_function_that_does_not(function):
    assert not has_loop(function.__code__)


@pytest.mark.django_db
def test_branches_of_a_loop_that_ran_once_each_are_found():
    with watch("branches", policy=BRIEF) as report:
        for number in range(2):
            if number:
                Group.objects.filter(pk=number).first()
            else:
                Group.objects.filter(pk=number).first()
    (finding,) = report.findings
    assert finding.count == 2


@pytest.mark.django_db
def test_two_lines_outside_a_loop_are_not_looked_up(monkeypatch):
    def fail(*arguments):
        raise AssertionError("a source was read")

    monkeypatch.setattr(judge, "locate", fail)
    with watch("two lines", policy=BRIEF) as report:
        Group.objects.filter(pk=1).first()
        Group.objects.filter(pk=2).first()
    assert (report.findings, report.internal_errors) == ((), ())


@pytest.mark.django_db
def test_what_nobody_sees_is_not_made():
    with watch("brief", policy=BRIEF) as report:
        Group.objects.count()
    assert (report.query_count, report.shapes, report.timeline) == (1, (), ())


class Exempt:
    """This file, or the loop on one of its lines."""

    def __init__(self, line=0):
        self.line = line

    def owns(self, file, package):
        return not self.line and file == __file__

    def why(self, scope, fingerprint, loop, sites):
        return "a loop of mine" if loop.line == self.line else ""


def loops():
    for number in range(3):
        Group.objects.filter(pk=number).first()
    for number in range(3):
        Group.objects.filter(name=str(number)).first()


@pytest.mark.django_db
def test_whoever_opened_the_scope_may_know_better():
    line = loops.__code__.co_firstlineno + 1
    with watch("exempt", policy=Policy(exempt=Exempt(line))) as report:
        loops()
    (finding,) = report.findings
    assert finding.loop.line == line + 2
    (cleared,) = report.cleared
    assert (cleared.reason, cleared.detail, cleared.count) == ("test-code", "a loop of mine", 3)
    assert cleared.loop.line == line


@pytest.mark.django_db
def test_no_source_is_read_for_loops_of_exempt_code_alone(monkeypatch):
    def fail(*arguments):
        raise AssertionError("a source was read")

    monkeypatch.setattr(judge, "locate", fail)
    with watch("exempt", policy=Policy(exempt=Exempt())) as report:
        loops()
    assert (report.findings, report.internal_errors) == ((), ())
    assert [(one.reason, one.count, one.site.line) for one in report.cleared] == [
        ("test-code", 3, loops.__code__.co_firstlineno + 2),
        ("test-code", 3, loops.__code__.co_firstlineno + 4),
    ]


@pytest.mark.django_db
def test_the_loop_of_a_library_is_not_that_of_the_code_that_calls_it():
    """What a package repeats says something about the package, whoever has called it."""

    def is_known(line):
        return Group.objects.filter(name=line).exists()

    with watch("library", policy=Policy(exempt=Exempt())) as report:
        textwrap.indent("one\ntwo\nthree", "> ", predicate=is_known)
    (finding,) = report.findings
    assert (finding.loop.package, finding.site.file) == ("textwrap", __file__)
