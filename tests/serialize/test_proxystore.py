"""The serializer for ProxyStore, with a store of the tests' own: it only has to have ``proxy``."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from parsl_like.errors import ConfigurationError, SerializationError
from parsl_like.serialize import deserialize, methods, register_method_for_data, serialize
from parsl_like.serialize.proxystore import ProxyStoreSerializer

KEPT: dict[int, Any] = {}


class Reference:
    """What arrives in the place of the data."""

    def __init__(self, key: int) -> None:
        self.key = key

    @property
    def target(self) -> Any:
        return KEPT[self.key]


class Store:
    def proxy(self, data: Any) -> Reference:
        KEPT[len(KEPT)] = data
        return Reference(len(KEPT) - 1)


class Table:
    """Data of the user's."""


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = dict(methods.registered)
    KEPT.clear()
    yield
    methods.registered.clear()
    methods.registered.update(before)


def is_table(data: Any) -> bool:
    return isinstance(data, Table)


def test_what_is_claimed_goes_to_the_store_wherever_it_is() -> None:
    register_method_for_data(ProxyStoreSerializer(should_proxy=is_table, store=Store()))
    table = Table()
    arrived = deserialize(serialize({"plain": [1, 2], "tables": [table]}))
    assert arrived["plain"] == [1, 2]
    assert arrived["tables"][0].target is table
    assert len(KEPT) == 1


def test_without_a_choice_only_what_cannot_be_sent_goes_there() -> None:
    register_method_for_data(ProxyStoreSerializer(store=Store()))
    assert deserialize(serialize([1, "two"])) == [1, "two"]
    assert KEPT == {}
    generator = (n for n in range(3))
    assert deserialize(serialize(generator)).target is generator


def test_the_side_that_receives_needs_no_store() -> None:
    payload = ProxyStoreSerializer(store=Store()).serialize("data")
    assert ProxyStoreSerializer().deserialize(payload).target == "data"


def test_the_side_that_sends_does() -> None:
    with pytest.raises(ConfigurationError, match=r"store is None; expected a proxystore.store.Store"):
        ProxyStoreSerializer().serialize("data")
    register_method_for_data(ProxyStoreSerializer(should_proxy=is_table))
    with pytest.raises((ConfigurationError, SerializationError), match="store is None"):
        serialize(Table())


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="should_proxy is 3; expected None or a function"):
        ProxyStoreSerializer(should_proxy=3)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="store is 'redis'; expected None or a proxystore"):
        ProxyStoreSerializer(store="redis")


def test_it_is_a_value() -> None:
    one = ProxyStoreSerializer(should_proxy=is_table)
    assert one == ProxyStoreSerializer(should_proxy=is_table) == pickle.loads(pickle.dumps(one))
    assert one != ProxyStoreSerializer()
    assert one != 3
    assert hash(one) == hash(ProxyStoreSerializer(should_proxy=is_table))
    assert repr(ProxyStoreSerializer()) == "ProxyStoreSerializer(should_proxy=None, store=None)"
