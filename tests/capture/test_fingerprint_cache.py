"""The cache in front of ``fingerprint``: equal answers, bounded memory, many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from nplusone_guard.capture import fingerprint as module
from nplusone_guard.capture.fingerprint import (
    MAX_CHARACTERS,
    MAX_ENTRIES,
    MAX_LONG_ENTRIES,
    MAX_TEXT,
    cached_fingerprint,
    fingerprint,
)


@pytest.fixture
def cache() -> module._Cache:
    return module._Cache("sqlite")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were really read."""
    read: list[str] = []

    def count(sql: str, vendor: str):
        read.append(sql)
        return fingerprint(sql, vendor)

    monkeypatch.setattr(module, "fingerprint", count)
    return read


def test_there_is_one_for_each_vendor():
    assert cached_fingerprint("sqlite") is cached_fingerprint("sqlite")
    assert cached_fingerprint("mysql") is not cached_fingerprint("sqlite")
    assert cached_fingerprint("mysql")('SELECT "a"').text == "SELECT ?"
    assert cached_fingerprint("sqlite")('SELECT "a"').text == 'SELECT "a"'


def test_answers_as_the_function_does(cache):
    for sql in ("SELECT a FROM t WHERE b = 1", "", "SELECT 1" * 500, "x " * MAX_TEXT):
        assert cache[sql] == fingerprint(sql, "sqlite")
        assert cache[sql] == fingerprint(sql, "sqlite")


def test_reads_a_text_once(cache, reads):
    for _ in range(3):
        cache["SELECT a FROM t"]
    assert reads == ["SELECT a FROM t"]


def test_equal_shapes_are_one_string(cache):
    one, two = cache["SELECT a FROM t WHERE b = 1"], cache["SELECT a FROM t WHERE b = 2"]
    assert one.text is two.text


def test_forgets_the_oldest(cache, reads):
    for number in range(MAX_ENTRIES + 1):
        cache[f"SELECT {number}"]
    assert len(cache) == MAX_ENTRIES
    del reads[:]
    cache["SELECT 1"]
    cache["SELECT 0"]
    assert reads == ["SELECT 0"]


def test_savepoints_push_nothing_out(cache, reads):
    """Django gives each of them a new name."""
    cache["SELECT 1"]
    for number in range(MAX_ENTRIES + 1):
        assert cache[f'SAVEPOINT "s140_x{number}"'].savepoint == f"s140_x{number}"
    assert list(cache) == ["SELECT 1"]


def test_holds_so_many_characters_and_no_more(cache):
    for number in range(2_000):
        cache[f"SELECT a FROM t WHERE b = '{'x' * 1_500}{number}'"]
        assert sum(map(len, cache)) == cache.characters <= MAX_CHARACTERS


def test_long_texts_are_few(cache, reads):
    for number in range(MAX_LONG_ENTRIES + 5):
        cache[f"SELECT a FROM t WHERE b IN ({'1, ' * 1_000}{number})"]
    assert len(cache) == 0
    assert len(cache.long) <= MAX_LONG_ENTRIES
    del reads[:]
    cache[f"SELECT a FROM t WHERE b IN ({'1, ' * 1_000}{number})"]
    assert reads == []


def test_cut_texts_are_not_kept(cache):
    assert cache["SELECT " + "a, " * MAX_TEXT].truncated
    assert not cache
    assert not cache.long


def test_shapes_are_bounded(cache):
    for number in range(MAX_ENTRIES * 2):
        cache[f"SELECT a{number}"]
    assert len(cache.shapes) <= MAX_ENTRIES


def test_many_threads_at_once(cache):
    texts = [f"SELECT a FROM t WHERE b = {number}" for number in range(3_000)]

    def read(offset: int) -> set[str]:
        return {cache[sql].text for sql in texts[offset:] + texts[:offset]}

    with ThreadPoolExecutor(8) as pool:
        found = set().union(*pool.map(read, range(0, 3_000, 375)))
    assert found == {"SELECT a FROM t WHERE b = ?"}
    assert len(cache) <= MAX_ENTRIES + 8
