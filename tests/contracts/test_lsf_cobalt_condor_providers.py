"""LSF's, Cobalt's and HTCondor's providers keep the promises of every provider, on simulated clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import CobaltProvider, CondorProvider, LSFProvider
from parsl_like.testing.contracts import ProviderContract
from tests.fakes.fixtures import make_cluster  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from tests.fakes.fixtures import MakeCluster


class TestLSFProvider(ProviderContract):
    @pytest.fixture(autouse=True)
    def simulated(self, make_cluster: MakeCluster) -> None:  # noqa: F811
        make_cluster("lsf")

    def make_provider(self, **options: object) -> LSFProvider:
        return LSFProvider(**{"launcher": SimpleLauncher(), **options})


class TestCobaltProvider(ProviderContract):
    @pytest.fixture(autouse=True)
    def simulated(self, make_cluster: MakeCluster) -> None:  # noqa: F811
        make_cluster("cobalt")

    def make_provider(self, **options: object) -> CobaltProvider:
        return CobaltProvider(**{"launcher": SimpleLauncher(), **options})


class TestCondorProvider(ProviderContract):
    @pytest.fixture(autouse=True)
    def simulated(self, make_cluster: MakeCluster) -> None:  # noqa: F811
        make_cluster("condor")

    def make_provider(self, **options: object) -> CondorProvider:
        return CondorProvider(**{"launcher": SimpleLauncher(), "transfer_input_files": (), **options})
