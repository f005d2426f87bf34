"""The Grid Engine provider keeps the contract of providers, on a simulated cluster with its commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parsl_like.providers import GridEngineProvider
from parsl_like.testing.contracts import ProviderContract
from tests.fakes.fixtures import make_cluster  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from tests.fakes.fixtures import MakeCluster


class TestGridEngineProvider(ProviderContract):
    @pytest.fixture(autouse=True)
    def simulated(self, make_cluster: MakeCluster) -> None:  # noqa: F811
        make_cluster("grid_engine")

    def make_provider(self, **options: object) -> GridEngineProvider:
        return GridEngineProvider(**options)
