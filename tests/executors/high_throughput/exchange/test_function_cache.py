"""The functions an interchange holds."""

from __future__ import annotations

from parsl_like.executors.high_throughput.exchange.function_cache import FunctionCache
from parsl_like.executors.high_throughput.protocol import Function


def function(name: bytes, size: int) -> Function:
    return Function(name, name.decode(), bytes(size))


def test_the_least_recently_used_is_forgotten() -> None:
    cache = FunctionCache(limit=100)
    cache.put(function(b"a", 40))
    cache.put(function(b"b", 40))
    assert cache.get(b"a") == function(b"a", 40)
    cache.put(function(b"c", 40))
    assert cache.get(b"b") is None
    assert cache.get(b"a") is not None
    assert cache.size == 80


def test_a_function_that_comes_again_counts_once() -> None:
    cache = FunctionCache(limit=100)
    cache.put(function(b"a", 40))
    cache.put(function(b"a", 60))
    assert cache.size == 60


def test_one_that_is_larger_than_the_limit_is_kept_until_the_next() -> None:
    cache = FunctionCache(limit=100)
    cache.put(function(b"a", 10))
    cache.put(function(b"huge", 500))
    assert cache.get(b"huge") is not None
    assert cache.get(b"a") is None
    cache.put(function(b"b", 10))
    assert (cache.get(b"huge"), cache.size) == (None, 10)


def test_who_waits_for_a_function_is_told_of_it() -> None:
    cache = FunctionCache()
    cache.put(function(b"a", 10))
    assert cache.find([b"a", b"b", b"c"], b"m") == ([function(b"a", 10)], [b"b", b"c"])
    assert cache.find([b"b"], b"n") == ([], [])
    assert cache.wanted() == [b"b", b"c"]
    assert sorted(cache.put(function(b"b", 10))) == [b"m", b"n"]
    assert list(cache.put(function(b"b", 10))) == []
    assert cache.wanted() == [b"c"]
