"""The Grid Engine provider keeps the contract of providers, on a real Grid Engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parsl_like.providers import GridEngineProvider
from parsl_like.testing.contracts import ProviderContract

if TYPE_CHECKING:
    from tests.site.grid_engine import GridEngine

pytest_plugins = ("tests.site.grid_engine_fixtures",)
pytestmark = pytest.mark.xdist_group("grid_engine_contract")


class TestGridEngineProvider(ProviderContract):
    @pytest.fixture(autouse=True)
    def somewhere(self, grid_engine: GridEngine) -> None:
        del grid_engine

    def make_provider(self, **options: object) -> GridEngineProvider:
        return GridEngineProvider(queue="main.q", **options)
