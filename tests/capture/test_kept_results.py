"""Which functions are called for a cache of the process, told by their frames alone."""

from __future__ import annotations

import functools
import sys

import pytest
from django.core.cache import cache as store
from django.utils.functional import SimpleLazyObject

from nplusone_guard.capture.kept_results import keeps_result

CAN_TELL_METHODS = sys.version_info >= (3, 11)


def here(depth: int = 1) -> bool:
    return keeps_result(sys._getframe(depth))


def passing(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@functools.lru_cache(maxsize=2)
def sized(_=0) -> bool:
    return here()


@passing
@functools.cache
@passing
def between_others() -> bool:
    return here()


@passing
def not_cached() -> bool:
    return here()


class Holder:
    @functools.cache  # noqa: B019 - what the test is about
    def method(self) -> bool:
        return here()

    @classmethod
    @functools.cache
    def of_class(cls) -> bool:
        return here()

    @staticmethod
    @functools.cache
    def static() -> bool:
        return here()

    @functools.cached_property
    def of_instance(self) -> bool:
        return here()


def get_or_set() -> bool:
    return here()


@functools.cache
def renamed() -> bool:
    return here()


kept, renamed = renamed, functools.cache(lambda: True)


@pytest.mark.parametrize("function", [sized, between_others])
def test_a_cached_function_is_told(function):
    assert function() is True


@pytest.mark.parametrize("function", [sized.__wrapped__, between_others.__wrapped__.__wrapped__])
def test_it_is_told_where_the_function_is_called_past_its_cache(function):
    assert function() is True  # nothing on the stack says otherwise


@pytest.mark.parametrize("function", [not_cached, get_or_set, kept])
def test_another_function_is_not(function):
    assert function() is False


@pytest.mark.parametrize("method", [Holder().method, Holder.of_class, Holder.static])
def test_methods_are_told_where_python_knows_their_class(method):
    assert method() is CAN_TELL_METHODS


def test_what_an_instance_keeps_goes_with_it():
    assert Holder().of_instance is False


def test_djangos_cache_asks_for_what_it_does_not_hold():
    store.delete("kept")
    assert store.get_or_set("kept", lambda: here(2)) is True
    store.delete("kept")


def test_a_lazy_object_of_the_same_name_is_not_woken():
    names: dict[str, object] = {"here": here}
    exec("def site():\n    return here()", names)
    site = names["site"]

    def wake():
        raise AssertionError("woken")

    names["site"] = SimpleLazyObject(wake)
    assert site() is False
