"""What can be a loop is told from bytecode; sources are read for nothing else."""

from __future__ import annotations

import pytest

from nplusone_guard.analysis import loops
from nplusone_guard.analysis.iteration import may_iterate
from nplusone_guard.analysis.jumps import has_loop


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


def ranked(items, key):
    return sorted(items, key=key)


def pooled(pool, items, fetch):
    return list_of(pool.map(fetch, items))


def of_a_closure(gather):
    def run(*awaitables):
        return gather(*awaitables)

    return run


def list_of(items):
    return items.first()


@pytest.mark.parametrize(
    ("function", "expected"),
    [(ranked, True), (pooled, True), (of_a_closure(print), True), (list_of, False)],
)
def test_what_may_run_through_an_argument_is_told_by_its_names(function, expected):
    assert may_iterate(function.__code__) is expected


@pytest.mark.parametrize(("function", "read"), [(for_loop, 1), (list_of, 0)])
def test_the_source_of_a_function_is_read_only_where_it_loops(monkeypatch, function, read):
    asked = []
    scope_of = loops.scope_of
    monkeypatch.setattr(loops, "scope_of", lambda code: asked.append(code) or scope_of(code))
    code = function.__code__
    loops.enclosing_loops(code, loops.position_of(code, 0))
    assert asked == [code] * read
