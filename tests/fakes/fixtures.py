"""Fixtures for tests that need a batch system: ``from tests.fakes.fixtures import *`` in a test module or conftest."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.fakes.cluster.simulated import SimulatedCluster

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAVOURS = ("slurm", "pbspro", "torque", "grid_engine", "lsf", "cobalt", "condor")


class MakeCluster(Protocol):
    def __call__(self, flavour: str, **settings: Any) -> SimulatedCluster: ...


@pytest.fixture
def make_cluster(session_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeCluster]:
    """Starts simulated clusters; the commands of the last one are first on PATH.

    After the test all jobs are ended; it fails if any process is left then that a job or a command has started.
    """
    with ExitStack() as ends:

        def make(flavour: str, **settings: Any) -> SimulatedCluster:
            folder = Path(tempfile.mkdtemp(dir=session_directory, prefix="c"))  # short: a unix socket is in it
            cluster = SimulatedCluster(folder, flavour, **settings)
            ends.callback(end, cluster)
            for name, value in cluster.environment.items():
                monkeypatch.setenv(name, value)
            return cluster

        yield make


def end(cluster: SimulatedCluster) -> None:
    left = cluster.close()
    if left:
        pytest.fail("the simulated cluster's end left:\n" + "\n".join(left), pytrace=False)


@pytest.fixture(params=FLAVOURS)
def cluster(request: pytest.FixtureRequest, make_cluster: MakeCluster) -> SimulatedCluster:
    """A running cluster of each flavour."""
    return make_cluster(request.param)
