"""The local provider keeps the contract of providers."""

from __future__ import annotations

from parsl_like.providers import LocalProvider
from parsl_like.testing.contracts import ProviderContract


class TestLocalProvider(ProviderContract):
    def make_provider(self, **options: object) -> LocalProvider:
        return LocalProvider(**options)
