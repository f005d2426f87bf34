"""PBS Pro's and Torque's providers keep the contract of providers, on a simulated cluster with their commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parsl_like.providers import PBSProProvider, TorqueProvider
from parsl_like.testing.contracts import ProviderContract
from tests.fakes.fixtures import make_cluster  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from tests.fakes.fixtures import MakeCluster


class TestPBSProProvider(ProviderContract):
    @pytest.fixture(autouse=True)
    def simulated(self, make_cluster: MakeCluster) -> None:  # noqa: F811
        make_cluster("pbspro")

    def make_provider(self, **options: object) -> PBSProProvider:
        return PBSProProvider(**options)


class TestTorqueProvider(ProviderContract):
    @pytest.fixture(autouse=True)
    def simulated(self, make_cluster: MakeCluster) -> None:  # noqa: F811
        make_cluster("torque")

    def make_provider(self, **options: object) -> TorqueProvider:
        return TorqueProvider(**options)
