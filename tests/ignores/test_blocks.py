"""Ignores in code: what they refuse, and where they are active."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor

import pytest

from nplusone_guard.capture.scope import active_ignores
from nplusone_guard.exceptions import ConfigError
from nplusone_guard.guard import watch
from nplusone_guard.ignores.blocks import ignore

BAD_ARGUMENTS = [
    ({"rule": "lazy-relations", "reason": "x"}, 'Did you mean "lazy-relation"?'),
    ({"rule": "lazy-relation", "reason": ""}, "ignore(…) has no reason. Say why"),
    ({"rule": "lazy-relation", "reason": "  "}, "has no reason"),
    ({"rule": "lazy-relation", "reason": None}, "has no reason"),
    ({"path": "", "reason": "x"}, "has '' for path. Allowed: a string that is not empty."),
    ({"path": 3, "reason": "x"}, "has 3 for path"),
    ({"field": "author", "reason": "x"}, 'Allowed: "app.Model.field" or "app.Model.*".'),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
def test_bad_arguments_are_refused_at_once(arguments, message):
    with pytest.raises(ConfigError) as raised:
        ignore(**arguments)
    assert message in str(raised.value)


def test_a_reason_must_be_given():
    with pytest.raises(TypeError, match="reason"):
        ignore("lazy-relation")


def test_a_block_is_active_inside_alone():
    with ignore("lazy-relation", reason="a") as outer:
        with ignore(path="*.py", reason="b") as inner:
            assert active_ignores.get() == (outer, inner)
        assert active_ignores.get() == (outer,)
    assert active_ignores.get() == ()


def test_a_block_ends_when_its_body_raises():
    with pytest.raises(ZeroDivisionError), ignore(reason="a"):
        raise ZeroDivisionError
    assert active_ignores.get() == ()


def test_one_object_may_be_entered_again_and_again():
    again = ignore(reason="a")
    with again, again:
        assert active_ignores.get() == (again, again)
    with again:
        assert active_ignores.get() == (again,)
    assert active_ignores.get() == ()


def test_blocks_that_do_not_nest_end_each_for_itself():
    first, second = ignore(reason="a"), ignore(reason="b")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert active_ignores.get() == (second,)
    second.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert active_ignores.get() == ()


def test_tasks_and_threads_have_their_own_blocks():
    one = ignore(reason="a")

    async def inside():
        async with one:
            await asyncio.sleep(0.01)
            return active_ignores.get()

    async def outside():
        await asyncio.sleep(0.005)
        return active_ignores.get()

    async def both():
        return await asyncio.gather(inside(), outside())

    assert asyncio.run(both()) == [(one,), ()]
    with one, ThreadPoolExecutor(1) as pool:
        assert pool.submit(active_ignores.get).result() == ()


def test_it_decorates_functions_and_methods_of_every_kind():
    legacy = ignore(reason="a")

    @legacy
    def function(x):
        return x, active_ignores.get()

    @legacy
    async def coroutine(x):
        await asyncio.sleep(0)
        return x, active_ignores.get()

    class Owner:
        @legacy
        def method(self, x):
            return x, active_ignores.get()

        @legacy
        @classmethod
        def of_class(cls, x):
            return x, active_ignores.get()

        @staticmethod
        @legacy
        def static(x):
            return x, active_ignores.get()

    calls = [function, Owner().method, Owner.of_class, Owner.static]
    assert [call(3) for call in calls] == [(3, (legacy,))] * 4
    assert asyncio.run(coroutine(3)) == (3, (legacy,))
    assert inspect.iscoroutinefunction(coroutine)
    assert list(inspect.signature(function).parameters) == ["x"]
    assert active_ignores.get() == ()


def test_it_refuses_what_it_cannot_decorate():
    def generator():
        yield

    async def async_generator():
        yield

    for thing in (generator, async_generator, classmethod(generator), type("T", (), {})):
        with pytest.raises(ConfigError, match="mark the call"):
            ignore(reason="a")(thing)


def test_open_scopes_note_a_block_once_however_many_turns_it_takes():
    with watch("outer") as outer, watch("inner") as inner:
        for _ in range(3):
            with ignore("lazy-relation", reason="a"):
                pass
        with ignore("lazy-relation", reason="a"):
            pass
    assert len(outer.scope.ignores_opened) == len(inner.scope.ignores_opened) == 2
