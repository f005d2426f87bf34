from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from parsl_like.dataflow.dependency_resolvers import (
    DEEP_DEPENDENCY_RESOLVER,
    SHALLOW_DEPENDENCY_RESOLVER,
    DependencyResolver,
    deep_gather,
    deep_unwrap,
    shallow_gather,
    shallow_unwrap,
)
from parsl_like.dataflow.futures import AppFuture, LazyFuture

Pair = namedtuple("Pair", ["left", "right"])


class Typed(NamedTuple):
    left: Any
    right: int = 0


def done(value: Any) -> Future[Any]:
    future: LazyFuture[Any] = LazyFuture()
    future.set_result(value)
    return future


ONE, TWO = done(1), done(2)

# What is given, the futures in it, and what becomes of it.
DEEP: dict[str, tuple[Any, list[Future[Any]], Any]] = {
    "future": (ONE, [ONE], 1),
    "list": ([ONE, 5, TWO], [ONE, TWO], [1, 5, 2]),
    "tuple": ((ONE,), [ONE], (1,)),
    "set": ({ONE}, [ONE], {1}),
    "frozenset": (frozenset({ONE}), [ONE], frozenset({1})),
    "dict value": ({"a": ONE, "b": 5}, [ONE], {"a": 1, "b": 5}),
    "dict key": ({ONE: "a"}, [ONE], {1: "a"}),
    "nested": ([{"a": (ONE, [TWO])}], [ONE, TWO], [{"a": (1, [2])}]),
    "namedtuple": (Pair(ONE, [TWO]), [ONE, TWO], Pair(1, [2])),
    "typed namedtuple": (Typed(ONE), [ONE], Typed(1)),
    "twice": ([ONE, ONE], [ONE, ONE], [1, 1]),
    "ordered": (OrderedDict(b=ONE, a=TWO), [ONE, TWO], OrderedDict(b=1, a=2)),
    "counter": (Counter({ONE: 3}), [ONE], Counter({1: 3})),
}


@pytest.mark.parametrize("name", sorted(DEEP))
def test_the_deep_resolver_finds_futures_in_containers_and_replaces_them(name: str) -> None:
    given, held, wanted = DEEP[name]
    assert list(DEEP_DEPENDENCY_RESOLVER.traverse_to_gather(given)) == held
    became = DEEP_DEPENDENCY_RESOLVER.traverse_to_unwrap(given)
    assert became == wanted
    assert type(became) is type(wanted)


def test_a_defaultdict_keeps_its_default() -> None:
    given: Any = defaultdict(list, a=ONE)
    became: Any = deep_unwrap(given)
    assert (became, became["new"], type(became)) == ({"a": 1, "new": []}, [], defaultdict)
    assert given["a"] is ONE


@pytest.mark.parametrize(
    "given",
    [
        *(5, "text", b"bytes", None, object(), deque([1])),
        *([1, [2]], (1, (2,)), {1, 2}, frozenset({1}), {"a": {"b": 1}}, Pair(1, 2), OrderedDict(a=1)),
        *(defaultdict(int), [], {}, ()),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_holds_no_future_is_left_as_it_is(given: Any) -> None:
    assert list(deep_gather(given)) == []
    assert deep_unwrap(given) is given


def test_the_shallow_resolver_looks_at_the_argument_only() -> None:
    assert list(shallow_gather(ONE)) == [ONE]
    assert shallow_unwrap(ONE) == 1
    for given in ([ONE], (ONE,), {"a": ONE}, 5):
        assert list(SHALLOW_DEPENDENCY_RESOLVER.traverse_to_gather(given)) == []
        assert SHALLOW_DEPENDENCY_RESOLVER.traverse_to_unwrap(given) is given


@pytest.mark.parametrize("resolver", [SHALLOW_DEPENDENCY_RESOLVER, DEEP_DEPENDENCY_RESOLVER], ids=["shallow", "deep"])
def test_futures_of_every_kind_are_found(resolver: DependencyResolver) -> None:
    foreign: Future[Any] = Future()
    for future in (foreign, AppFuture[Any](0, "f"), LazyFuture[Any]()):
        assert list(resolver.traverse_to_gather(future)) == [future]


def test_the_error_of_a_future_is_raised() -> None:
    broken: LazyFuture[Any] = LazyFuture()
    broken.set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        deep_unwrap({"a": [broken]})


@dataclass
class Box:
    """A container of a user's own."""

    inside: Any


def test_a_type_of_the_users_can_be_registered() -> None:
    assert list(deep_gather(Box(ONE))) == []
    deep_gather.register(Box, lambda box: deep_gather(box.inside))
    deep_unwrap.register(Box, lambda box: Box(deep_unwrap(box.inside)))
    assert list(deep_gather([Box([ONE])])) == [ONE]
    assert deep_unwrap({"box": Box([ONE])}) == {"box": Box([1])}


def test_a_resolver_of_the_users_is_a_pair_of_functions() -> None:
    resolver = DependencyResolver(lambda argument: [], lambda argument: "unwrapped")
    assert resolver.traverse_to_gather(ONE) == []
    assert resolver.traverse_to_unwrap(ONE) == "unwrapped"
