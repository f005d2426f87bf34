"""A method for data that leaves them in a store of ProxyStore and sends references, which are followed when used."""

from __future__ import annotations

from collections.abc import Callable
from pickle import dumps, loads
from typing import Any

from parsl_like.errors import ConfigurationError
from parsl_like.serialize.base import SerializerBase
from parsl_like.serialize.pickles import PROTOCOL


class ProxyStoreSerializer(SerializerBase):
    """Sends proxies of data in the place of the data; register one with ``register_method_for_data``.

    Nothing of the package ``proxystore`` is imported here: the store makes the proxies, and a proxy that arrives
    brings its own module along.

    Args:
        should_proxy: Says of the whole value, and of every part of it that is no plain container, whether it goes to
            the store. None: what the built-in methods refuse goes there, and nothing else.
        store: A ``proxystore.store.Store``, or anything else whose ``proxy(data)`` is a reference that can be pickled.
            Needed to send, not to receive.

    Raises:
        ConfigurationError: ``should_proxy`` is no function, or ``store`` has no method ``proxy``.
    """

    def __init__(self, *, should_proxy: Callable[[Any], bool] | None = None, store: Any = None) -> None:
        if should_proxy is not None and not callable(should_proxy):
            raise ConfigurationError("ProxyStoreSerializer.should_proxy", should_proxy, "None or a function")
        if store is not None and not callable(getattr(store, "proxy", None)):
            raise ConfigurationError("ProxyStoreSerializer.store", store, "None or a proxystore.store.Store")
        self.should_proxy = should_proxy
        self.store = store
        if should_proxy is not None:
            self.claims = self._claims

    def _claims(self, data: Any) -> bool:
        return self.should_proxy is not None and bool(self.should_proxy(data))

    def serialize(self, data: Any) -> bytes:
        """A reference to the data, which are in the store from now on.

        Raises:
            ConfigurationError: the serializer was given no store.
        """
        if self.store is None:
            raise ConfigurationError(
                "ProxyStoreSerializer.store", None, "a proxystore.store.Store on the side that sends"
            )
        return dumps(self.store.proxy(data), PROTOCOL)

    def deserialize(self, payload: bytes) -> Any:
        """The reference; it becomes the data when it is used."""
        return loads(payload)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProxyStoreSerializer):
            return NotImplemented
        return (self.should_proxy, self.store) == (other.should_proxy, other.store)

    def __hash__(self) -> int:
        return hash((self.should_proxy, id(self.store)))

    def __repr__(self) -> str:
        return f"ProxyStoreSerializer(should_proxy={self.should_proxy!r}, store={self.store!r})"
